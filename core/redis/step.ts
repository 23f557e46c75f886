import type { RedisCommand, RedisReply } from '../storage/redis.ts'
import { addedBytes, boundViolation, elementsOf } from './bounds.ts'
import { commands, type Spec } from './commands.ts'
import type { RedisLimits } from './limits.ts'
import { scriptCommand, scriptOf, type Texts } from './scripts.ts'

/** What one command becomes: asked of Redis on the workspace's keys, done by going through them, or answered as it is. */
export type Step =
  | { readonly kind: 'send'; readonly command: RedisCommand; readonly spec: Spec; readonly cost: Cost }
  | { readonly kind: 'walk'; readonly args: readonly string[]; readonly access: Spec['access'] }
  | { readonly kind: 'answer'; readonly reply: RedisReply }

/** What is known of a command before it is run. */
export interface Cost {
  /** What it adds at most, beside what it copies. 0 where it adds nothing. */
  readonly addedBytes: number
  /** Where it copies: what it copies from, at most. */
  readonly copied: readonly Buffer[]
  /** Elements that it answers, where those are few. */
  readonly elements: number
  /** Keys that it may answer whole, as often as they are in it. */
  readonly whole: readonly Buffer[]
  /** Fields of hashes that it answers. */
  readonly fields: readonly (readonly [key: Buffer, field: Buffer])[]
}

const scripted: Spec = { access: 'write', keys: () => [] }
const walks: ReadonlyMap<string, Spec['access']> = new Map([
  ['SCAN', 'read'],
  ['KEYS', 'read'],
  ['DBSIZE', 'read'],
  ['RANDOMKEY', 'read'],
  ['FLUSHDB', 'write'],
  ['FLUSHALL', 'write'],
])

/** Allows a command, bounds it, and puts the prefix before each of its keys: what it says of others cannot be a key. */
export function stepOf(raw: readonly Buffer[], prefix: string, limits: RedisLimits, texts: Texts): Step {
  if (raw.length > limits.maxArgs) return refuse(`ERR a command has at most ${limits.maxArgs} arguments here`)
  // Byte for byte, and nothing of it is sent but the name.
  const [given = '', ...rest] = raw.map((arg) => arg.toString('latin1'))
  const name = given.toUpperCase()
  const args = [name, ...rest]
  if (name === 'SCRIPT') return answer(scriptCommand(texts, args))
  if (/^EVAL(?:SHA)?(?:_RO)?$/.test(name)) return scriptStep(raw, args, prefix, limits, texts)
  const walk = walks.get(name)
  if (walk !== undefined) return { kind: 'walk', args, access: walk }
  const spec = commands.get(name)
  if (spec === undefined) return refuse(`ERR ${notCommand(given)}`)
  const positions = spec.keys(args)
  if (typeof positions === 'string') return refuse(`${positions} for '${name.toLowerCase()}' command`)
  const violation = boundViolation(args, limits) ?? longKey(raw, positions, limits)
  if (violation !== undefined) return refuse(violation)
  const command = prefixed(name, raw, positions, prefix)
  return { kind: 'send', command, spec, cost: costOf(command, args, positions, spec, limits) }
}

function scriptStep(
  raw: readonly Buffer[],
  args: readonly string[],
  prefix: string,
  limits: RedisLimits,
  texts: Texts,
): Step {
  const script = scriptOf(texts, args)
  if ('refusal' in script) return answer(script)
  if ('resets' in script) return { kind: 'walk', args: ['RESET', script.resets], access: 'write' }
  const positions = Array.from({ length: script.count }, (_, i) => 3 + i)
  const violation = longKey(raw, positions, limits)
  if (violation !== undefined) return refuse(violation)
  const [, , , ...rest] = prefixed('EVAL', raw, positions, prefix)
  const command: RedisCommand = ['EVAL', script.text, String(script.count), ...rest]
  return { kind: 'send', command, spec: scripted, cost: { ...free, addedBytes: addedBytes(args, bytesOf(raw)) } }
}

const free: Cost = { addedBytes: 0, copied: [], elements: 0, whole: [], fields: [] }

function costOf(
  command: RedisCommand,
  args: readonly string[],
  positions: readonly number[],
  spec: Spec,
  limits: RedisLimits,
): Cost {
  const keys = positions.map((at) => command[at] as Buffer)
  const rest = command.slice(1) as readonly Buffer[]
  const adds = spec.access === 'write' && spec.frees !== true
  const answers = answersOf(args, spec)
  const elements = answers === undefined || answers === 'fields' ? undefined : elementsOf(args, limits)
  return {
    addedBytes: adds ? addedBytes(args, bytesOf(rest)) : 0,
    copied: spec.copies === true ? keys : [],
    elements: elements ?? 0,
    whole: answers === undefined || answers === 'fields' || elements !== undefined ? [] : keys,
    fields: answers === 'fields' ? rest.slice(1).map((field) => [keys[0] as Buffer, field] as const) : [],
  }
}

/** `SET … GET` and `BITFIELD … GET` are of those whose answer depends on what is asked. */
function answersOf(args: readonly string[], { answers }: Spec): Spec['answers'] {
  if (args[0] === 'SET' && args.slice(3).some((option) => option.toUpperCase() === 'GET')) return 'keys'
  return answers
}

function prefixed(name: string, raw: readonly Buffer[], positions: readonly number[], prefix: string): RedisCommand {
  const begin = Buffer.from(prefix)
  const args = raw.slice(1)
  for (const at of positions) args[at - 1] = Buffer.concat([begin, raw[at] ?? Buffer.alloc(0)])
  return [name, ...args]
}

function longKey(raw: readonly Buffer[], positions: readonly number[], { maxKeyBytes }: RedisLimits) {
  const isLong = positions.some((at) => (raw[at]?.byteLength ?? 0) > maxKeyBytes)
  return isLong ? `ERR a key has at most ${maxKeyBytes} bytes here` : undefined
}

function bytesOf(args: readonly Buffer[]): number {
  return args.reduce((sum, { byteLength }) => sum + byteLength, 0)
}

function notCommand(given: string): string {
  const name = given.replaceAll(/[^\w.]/g, '?').slice(0, 40)
  return `'${name}' is not offered here, or is no command: see the README for those that are`
}

function answer(reply: RedisReply): Step {
  return { kind: 'answer', reply }
}

function refuse(refusal: string): Step {
  return answer({ refusal })
}
