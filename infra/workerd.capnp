# Runs the edge on one's own machine: the bundle that wrangler built, in one workerd process.
#
#   wrangler deploy --dry-run --outdir dist/edge
#   EDGE_TOKEN=… workerd serve infra/workerd.capnp \
#     --socket-addr=http=127.0.0.1:8787 \
#     --external-addr=core=127.0.0.1:8788 \
#     --external-addr=ingest=127.0.0.1:8788 --external-addr=query=127.0.0.1:8788 --external-addr=model=127.0.0.1:8788 \
#     --directory-path=do=/path/to/.edgewise/edge
#
# A core in several processes has each role at an address of its own; `core` is where identity is.
# The directory must exist: it holds the Durable Objects. From the environment, all but EDGE_TOKEN optional (edge/env.ts):
# EDGE_TOKEN, METRICS_TOKEN, AUTH_STALE_SECONDS, LIMITS, CACHE_MAX_BYTES, EVENTS_MAX_BYTES, CLIENT_ADDRESS_HEADER.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    # Where all but the services behind routes are.
    (name = "core", external = (address = "127.0.0.1:8788", http = ())),
    (name = "ingest", external = (address = "127.0.0.1:8788", http = ())),
    (name = "query", external = (address = "127.0.0.1:8788", http = ())),
    (name = "model", external = (address = "127.0.0.1:8788", http = ())),
    # Where routes lead: to public addresses, whatever a name says; and for hosts that the operator names in full, to any.
    (name = "public", network = (allow = ["public"], tlsOptions = (trustBrowserCas = true))),
    (name = "trusted", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))),
    # Everything else: nowhere.
    (name = "nowhere", network = (allow = [], deny = ["0.0.0.0/0", "::/0"])),
    (name = "do", disk = (path = ".edgewise/edge", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "edge")],
);

const edge :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "../dist/edge/worker.js"),
    (
      name = "onnxruntime-web/ort-wasm-simd-threaded.wasm",
      wasm = embed "../dist/edge/onnxruntime-web/ort-wasm-simd-threaded.wasm",
    ),
  ],
  # As in wrangler.toml.
  compatibilityDate = "2026-11-17",
  globalOutbound = "nowhere",
  bindings = [
    (name = "CORE", service = "core"),
    (name = "INGEST", service = "ingest"),
    (name = "QUERY", service = "query"),
    (name = "MODEL", service = "model"),
    (name = "PUBLIC_NETWORK", service = "public"),
    (name = "TRUSTED_NETWORK", service = "trusted"),
    (name = "RATE_LIMITER", durableObjectNamespace = "RateLimiter"),
    (name = "EDGE_TOKEN", fromEnvironment = "EDGE_TOKEN"),
    (name = "METRICS_TOKEN", fromEnvironment = "METRICS_TOKEN"),
    (name = "AUTH_STALE_SECONDS", fromEnvironment = "AUTH_STALE_SECONDS"),
    (name = "CLIENT_ADDRESS_HEADER", fromEnvironment = "CLIENT_ADDRESS_HEADER"),
    (name = "LIMITS", fromEnvironment = "LIMITS"),
    (name = "CACHE_MAX_BYTES", fromEnvironment = "CACHE_MAX_BYTES"),
    (name = "EVENTS_MAX_BYTES", fromEnvironment = "EVENTS_MAX_BYTES"),
  ],
  durableObjectNamespaces = [(className = "RateLimiter", uniqueKey = "edgewise-rate-limiter", enableSql = true)],
  durableObjectStorage = (localDisk = "do"),
);
