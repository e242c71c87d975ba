# The image of Sluice: the program in one file, its packs, and Node. Nothing is written to its file system, and nothing in it needs root.
FROM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json LICENSE ./
COPY scripts ./scripts
COPY policies ./policies
COPY src ./src
RUN npm run bundle
# What the program and the console are made of, for scanners.
RUN node scripts/sbom.mjs

FROM gcr.io/distroless/nodejs24-debian13:nonroot
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="admission gatekeeper for Kubernetes network policies that reads what policies mean" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /src/build ./
# Numeric, so that a kubelet can tell that it is not root.
USER 65532:65532
EXPOSE 8443
# Node by its place in the base image, which has no shell and no PATH to look through.
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/sluice.mjs"]
CMD ["serve", "--cluster", "--host", "0.0.0.0"]
