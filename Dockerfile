# Fermi's own image: every role, the command line, and the fetcher beside Fission's images.
# Built in stages, so that the result has neither compiler nor npm nor what only development needs.

FROM node:22-bookworm-slim AS playground
WORKDIR /build/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY web .
RUN node ensure-built.mjs

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --include=dev --omit=optional --ignore-scripts --no-audit --no-fund
COPY tsconfig.json .
COPY src src
RUN node_modules/.bin/tsc -p tsconfig.json && rm -f dist/.tsbuildinfo

FROM node:22-bookworm-slim AS packages
WORKDIR /packages
COPY package.json package-lock.json ./
# Optional packages are the embedded PostgreSQL: on a cluster DATABASE_URL names a server. Types, source maps and
# TypeORM's build for browsers are never loaded.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
    && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
    && rm -rf node_modules/typeorm/browser node_modules/.package-lock.json

FROM node:22-bookworm-slim
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /opt/yarn-* \
      /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
    && ln -s /fermi/bin/fermi.js /usr/local/bin/fermi
WORKDIR /fermi
COPY LICENSE package.json ./
COPY bin bin
COPY --from=packages /packages/node_modules node_modules
COPY --from=playground /build/web/dist web/dist
COPY --from=build /build/dist dist
# A number, so that Kubernetes can tell that it isn't root. Nothing is written but what a role is told to write.
USER 1000:1000
ENV NODE_ENV=production HOME=/tmp FERMI_DATA_DIR=/tmp/fermi
EXPOSE 31313 31314 31315 31316
ENTRYPOINT ["fermi"]
CMD ["serve"]
