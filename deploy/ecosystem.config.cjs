// pm2 start deploy/ecosystem.config.cjs
// One process: a second one on the same file would be safe, but not faster.
module.exports = {
  apps: [
    {
      name: 'irisx-webhooks',
      script: 'dist/irisx-webhooks.mjs',
      cwd: require('node:path').join(__dirname, '..'),
      node_args: '--max-semi-space-size=4',
      exec_mode: 'fork',
      instances: 1,
      env: { NODE_ENV: 'production', HOST: '127.0.0.1' }, // behind an HTTPS proxy on the same machine
      kill_timeout: 8000, // milliseconds; the server needs at most 5 s to shut down
      autorestart: true,
      max_restarts: 1_000_000, // never give up: IRISX retries for only about 15 s
      restart_delay: 1000,
      merge_logs: true,
    },
  ],
};
