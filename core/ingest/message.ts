import { create } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { OnUnknown, type Schema, SchemaSchema, type Stream, StreamSchema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import type { Declaration } from './declare.ts'
import type { Definition } from './definition.ts'
import type { StreamView } from './put-stream.ts'
import type { Statistics } from './statistics.ts'

const onUnknownMessages = {
  '': OnUnknown.UNSPECIFIED,
  add: OnUnknown.ADD,
  ignore: OnUnknown.IGNORE,
  quarantine: OnUnknown.QUARANTINE,
} as const

export function schemaMessage(definition: Definition): Schema {
  return create(SchemaSchema, {
    columns: definition.columns.map(({ name, type, pii }) => ({ name, type, pii })),
    orderBy: [...definition.orderBy],
    partitionBy: definition.partitionBy,
    ttl: definition.ttl,
    id: definition.id,
    time: definition.time,
    onUnknown: onUnknownMessages[definition.onUnknown],
    jsonSchema: definition.jsonSchema,
  })
}

export function declarationOf(schema: Schema | undefined): Declaration {
  const { columns = [], orderBy = [], partitionBy = '', ttl = '', id = '', time = '', jsonSchema = '' } = schema ?? {}
  return {
    columns: columns.map(({ name, type, pii }) => ({ name, type, pii })),
    orderBy,
    partitionBy,
    ttl,
    id,
    time,
    onUnknown: onUnknownOf(schema?.onUnknown ?? OnUnknown.UNSPECIFIED),
    jsonSchema,
  }
}

function onUnknownOf(message: OnUnknown): Declaration['onUnknown'] {
  switch (message) {
    case OnUnknown.ADD:
      return 'add'
    case OnUnknown.IGNORE:
      return 'ignore'
    case OnUnknown.QUARANTINE:
      return 'quarantine'
    default:
      return ''
  }
}

export function streamMessage(stream: StreamView, statistics?: Statistics): Stream {
  return create(StreamSchema, {
    name: stream.name,
    schema: schemaMessage(stream.definition),
    version: stream.version,
    ...(stream.createdAt === undefined ? {} : { createdAt: timestampFromDate(stream.createdAt) }),
    ...(statistics === undefined ? {} : { statistics }),
  })
}
