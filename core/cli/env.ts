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
  readonly edgeProcesses: number
  /** Handed on to the processes that `start` starts. */
  readonly all: Readonly<Record<string, string | undefined>>
}

const maxEdgeProcesses = 64

/** Throws an error that names the variable that does not hold. */
export function parseCliEnv(environment: Readonly<Record<string, string | undefined>> = process.env): CliEnv {
  const read = (name: string): string | undefined => environment[name] || undefined
  const number = (name: string, what: string, least: number, most: number): number | undefined => {
    const text = read(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (!Number.isInteger(value) || value < least || value > most) throw new Error(`${name} is not ${what}: ${text}`)
    return value
  }
  const port = (name: string): number | undefined => number(name, 'a port', 0, 65_535)
  return {
    url: read('EDGEWISE_URL'),
    key: read('EDGEWISE_KEY'),
    profile: read('EDGEWISE_PROFILE'),
    data: read('EDGEWISE_DATA') ?? '.edgewise',
    port: port('PORT'),
    coreHttpPort: port('CORE_HTTP_PORT') ?? 8788,
    coreGrpcPort: port('CORE_GRPC_PORT') ?? 8789,
    edgeToken: read('EDGE_TOKEN'),
    edgeProcesses: number('EDGE_PROCESSES', `a number from 1 to ${maxEdgeProcesses}`, 1, maxEdgeProcesses) ?? 1,
    all: environment,
  }
}
