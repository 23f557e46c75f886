import type { DescService } from '@bufbuild/protobuf'
import { CatalogService } from '#proto/edgewise/catalog/v1/catalog_pb.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { KafkaService } from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { GRPCInferenceService } from '#proto/inference/inference_pb.ts'

/**
 * What a process of the core may be; it may be several, and is all of them by itself. `identity` is what is asked of
 * everybody (who is it, what changed, what was done), `ingest` writes streams and takes them to the warehouse, `query` reads
 * them, `model` trains and predicts.
 */
export const roles = ['identity', 'ingest', 'query', 'model'] as const
export type Role = (typeof roles)[number]

const elsewhere: ReadonlyMap<string, Role> = new Map([
  [CatalogService.typeName, 'ingest'],
  [IngestService.typeName, 'ingest'],
  [KafkaService.typeName, 'ingest'],
  [QueryService.typeName, 'query'],
  [ModelService.typeName, 'model'],
  [GRPCInferenceService.typeName, 'model'],
])

/** The role that answers a service: `identity` unless it is said to be another's. */
export function roleOf({ typeName }: Pick<DescService, 'typeName'>): Role {
  return elsewhere.get(typeName) ?? 'identity'
}
