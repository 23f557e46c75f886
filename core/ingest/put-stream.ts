import { Failure, type Violation } from '#mesh/errors.ts'
import { checkName } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import { isVisible, noSuchStream, refuseSystem } from './access.ts'
import { type Declaration, defineStream } from './declare.ts'
import type { Definition } from './definition.ts'
import type { Deps } from './deps.ts'
import { parsePartitionKey } from './partition.ts'
import type { Stream } from './streams.ts'

export interface PutStream {
  readonly name: string
  readonly schema: Declaration
  /** 0 for any. */
  readonly ifVersion: number
  readonly dryRun: boolean
}

/** A stream, or what one would be. */
export type StreamView = Pick<Stream, 'name' | 'definition' | 'version'> & { readonly createdAt: Date | undefined }

/** Declares a stream, or changes it where that only adds. */
export async function putStream(deps: Deps, ctx: Context, input: PutStream): Promise<StreamView> {
  const { name } = input
  const { workspace } = ctx.actor
  refuseSystem(name)
  const known = await deps.streams.find(workspace, name)
  if (!isVisible(ctx, name)) throw noSuchStream(name)
  if (known === undefined) authorise(ctx, 'streams:create')
  else authorise(ctx, 'streams:write', name)
  checkName(name, '/name')
  const definition = defineStream(input.schema, deps.limits)
  return deps.locks.alone(`${workspace}.${name}`, async () => {
    const now = await deps.streams.find(workspace, name)
    if (input.ifVersion !== 0 && input.ifVersion !== (now?.version ?? 0)) {
      throw new Failure('request.precondition', `\`${name}\` has version ${now?.version ?? 0}, not ${input.ifVersion}.`)
    }
    if (now === undefined) {
      if (ctx.actor.filters.length > 0) throw noSuchStream(name)
      authorise(ctx, 'streams:create')
      refusePersonalPlaces(definition)
      if (input.dryRun) return { name, definition, version: 1, createdAt: undefined }
      return deps.streams.create(ctx, name, definition)
    }
    authorise(ctx, 'streams:write', name)
    const changed = merge(now.definition, definition, input.schema)
    if (changed === undefined) return now
    refusePersonalPlaces(changed)
    // Whoever could take the mark away would see what it hides.
    if (isUnmasked(now.definition, changed)) authorise(ctx, 'pii:read', name)
    if (input.dryRun) return { name, definition: changed, version: now.version + 1, createdAt: now.createdAt }
    return deps.streams.change(ctx, now, changed)
  })
}

/**
 * The definition after the change, or undefined where there is none. In place are: more columns, whether a column is
 * personal, and what happens to unknown fields. What the declaration leaves to its default stays as it is.
 */
function merge(now: Definition, next: Definition, declared: Declaration): Definition | undefined {
  const errors: Violation[] = []
  const columns = [...now.columns]
  for (const column of next.columns) {
    const at = columns.findIndex(({ name }) => name === column.name)
    const there = columns[at]
    if (there === undefined) columns.push(column)
    else if (there.type !== column.type) {
      errors.push({
        pointer: `/columns/${column.name}/type`,
        reason: `is ${there.type} and cannot become ${column.type} in place`,
      })
    } else {
      const declaredPii = declared.columns.find(({ name }) => name === column.name)?.pii
      columns[at] = { ...column, pii: declaredPii ?? there.pii }
    }
  }
  for (const { name } of now.columns) {
    if (!next.columns.some((column) => column.name === name)) {
      errors.push({ pointer: `/columns/${name}`, reason: 'is a column of the stream and cannot be left out' })
    }
  }
  const fixed = (pointer: string, given: boolean, before: string, after: string) => {
    if (given && before !== after) {
      errors.push({ pointer, reason: `is \`${before}\` and cannot become \`${after}\` in place` })
    }
  }
  fixed('/order_by', declared.orderBy.length > 0, now.orderBy.join(', '), next.orderBy.join(', '))
  fixed('/partition_by', declared.partitionBy !== '', now.partitionBy, next.partitionBy)
  fixed('/ttl', declared.ttl !== '', now.ttl, next.ttl)
  fixed('/time', declared.time !== '', now.time, next.time)
  fixed('/id', declared.id !== '', now.id, next.id)
  if (errors.length > 0) {
    throw new Failure('stream.schema', 'A stream is changed in place only by adding to it.', {
      hint: 'Declare a new stream with this schema and send its events there.',
      errors,
    })
  }
  const onUnknown = declared.onUnknown === '' ? now.onUnknown : next.onUnknown
  const jsonSchema = declared.jsonSchema === '' ? now.jsonSchema : next.jsonSchema
  const isSame = columns.length === now.columns.length && columns.every(({ pii }, i) => pii === now.columns[i]?.pii)
  if (isSame && onUnknown === now.onUnknown && jsonSchema === now.jsonSchema) return undefined
  return { ...now, columns, onUnknown, jsonSchema }
}

function isUnmasked(now: Definition, next: Definition): boolean {
  return now.columns.some(({ name, pii }) => pii && next.columns.some((column) => column.name === name && !column.pii))
}

/**
 * Where a row is stored, and whether it is taken for a repeat, can be seen without seeing its columns: whoever sends rows
 * of its own would find out by them what is in others.
 */
function refusePersonalPlaces({ columns, orderBy, partitionBy, id, time }: Definition): void {
  const places = new Set([...orderBy, parsePartitionKey(partitionBy)?.column, id, time])
  const errors = columns
    .filter(({ name, pii }) => pii && places.has(name))
    .map(({ name }) => ({
      pointer: `/columns/${name}/pii`,
      reason: 'is what rows are ordered, partitioned or known by',
    }))
  if (errors.length === 0) return
  throw new Failure('stream.schema', 'Where a row is stored would tell of its personal data.', {
    hint: 'Declare a stream with another order_by, partition_by, id and time, and send its events there.',
    errors,
  })
}
