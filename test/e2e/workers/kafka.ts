import { Kafka, UpstashError } from '@upstash/kafka'

/** One call of a method of `@upstash/kafka`, from a Worker. */
export interface KafkaCall {
  readonly config: { readonly url: string; readonly username: string; readonly password: string }
  readonly role: 'producer' | 'consumer' | 'admin'
  readonly method: string
  readonly args: readonly unknown[]
}

export type KafkaOutcome =
  | { readonly value: unknown }
  | { readonly error: { readonly error: string; readonly status: number; readonly result: string } }

async function run({ config, role, method, args }: KafkaCall): Promise<KafkaOutcome> {
  const client = new Kafka(config)[role]() as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>
  try {
    return { value: await client[method]?.(...args) }
  } catch (thrown) {
    if (!(thrown instanceof UpstashError)) throw thrown
    const { error, status, result } = thrown
    return { error: { error, status, result } }
  }
}

export async function kafkaFetch(request: Request): Promise<Response> {
  if (request.method === 'GET') return new Response('here')
  return Response.json(await run((await request.json()) as KafkaCall))
}
