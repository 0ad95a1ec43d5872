// pm2 start deploy/ecosystem.config.cjs
// One process: a second one on the same file is safe, but never faster.
module.exports = {
  apps: [
    {
      name: 'irisx-webhooks',
      script: 'dist/irisx-webhooks.mjs',
      cwd: require('node:path').join(__dirname, '..'),
      node_args: '--max-semi-space-size=4',
      exec_mode: 'fork',
      instances: 1,
      env: { NODE_ENV: 'production', HOST: '127.0.0.1' }, // a proxy on this machine speaks HTTPS to the outside
      kill_timeout: 8000, // milliseconds; it drains for 5 s at most
      autorestart: true,
      max_restarts: 1_000_000, // never give up: the sender waits for seconds only
      restart_delay: 1000,
      merge_logs: true,
    },
  ],
};
