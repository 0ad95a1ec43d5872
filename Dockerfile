# Two stages: the first builds the bundle, the second contains Node and the two files of the bundle.
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No package needs its install script: nothing is compiled, and this Node is new enough.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/dist/irisx-webhooks.mjs /build/dist/better_sqlite3.node ./
# A new volume gets the owner of this folder.
RUN install -d -m 0700 -o node -g node /app/data
USER node
VOLUME /app/data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=4", "irisx-webhooks.mjs"]
