/** What ONNX Runtime's loader imports where it finds itself in Node, and nowhere else (`alias` in wrangler.toml). */
export const isNode = false
