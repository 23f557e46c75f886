/** What the command line takes from the environment. The only file of it that reads `process.env`. */
export interface CliEnv {
  readonly url: string | undefined
  readonly key: string | undefined
  readonly profile: string | undefined
  readonly data: string
  readonly port: number | undefined
  readonly coreHttpPort: number
  readonly coreGrpcPort: number
  readonly edgeToken: string | undefined
  /** Handed on to the processes that `start` starts. */
  readonly all: Readonly<Record<string, string | undefined>>
}

/** Throws an error that names the variable that does not hold. */
export function parseCliEnv(environment: Readonly<Record<string, string | undefined>> = process.env): CliEnv {
  const read = (name: string): string | undefined => environment[name] || undefined
  const port = (name: string): number | undefined => {
    const text = read(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new Error(`${name} is not a port: ${text}`)
    return value
  }
  return {
    url: read('EDGEWISE_URL'),
    key: read('EDGEWISE_KEY'),
    profile: read('EDGEWISE_PROFILE'),
    data: read('EDGEWISE_DATA') ?? '.edgewise',
    port: port('PORT'),
    coreHttpPort: port('CORE_HTTP_PORT') ?? 8788,
    coreGrpcPort: port('CORE_GRPC_PORT') ?? 8789,
    edgeToken: read('EDGE_TOKEN'),
    all: environment,
  }
}
