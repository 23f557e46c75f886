import { create } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import type { Service } from '#mesh/rpc/call.ts'
import {
  type CatalogService,
  DeleteEntryResponseSchema,
  EntrySchema,
  ImportEntriesResponseSchema,
  ListEntriesResponseSchema,
  Resource,
} from '#proto/edgewise/catalog/v1/catalog_pb.ts'
import { contextOf } from '../context.ts'
import { deleteEntry } from './delete-entry.ts'
import type { Deps } from './deps.ts'
import { getEntry } from './get-entry.ts'
import { importEntries } from './import-entries.ts'
import { listEntries } from './list-entries.ts'
import type { Where } from './place.ts'
import { putEntry } from './put-entry.ts'
import type { ResourceName } from './resources.ts'

export function catalogService(deps: Deps): Service<typeof CatalogService> {
  return {
    async getEntry(request, call) {
      return entryMessage(await getEntry(deps, contextOf(call), { id: request.id, ...whereOf(request) }))
    },
    async listEntries(request, call) {
      const { limit, cursor, search } = request
      const asked = { limit, cursor, search, ...whereOf(request) }
      const { rows, nextCursor } = await listEntries(deps, contextOf(call), asked)
      return create(ListEntriesResponseSchema, { entries: rows.map(entryMessage), nextCursor })
    },
    async putEntry(request, call) {
      const { id, fields, ifVersion } = request
      return entryMessage(await putEntry(deps, contextOf(call), { id, fields, ifVersion, ...whereOf(request) }))
    },
    async deleteEntry(request, call) {
      const { id, ifVersion } = request
      await deleteEntry(deps, contextOf(call), { id, ifVersion, ...whereOf(request) })
      return create(DeleteEntryResponseSchema)
    },
    async importEntries(request, call) {
      const { body } = request
      const came = await importEntries(deps, contextOf(call), { body, ...whereOf(request) })
      return create(ImportEntriesResponseSchema, came)
    },
  }
}

const names: ReadonlyMap<Resource, ResourceName> = new Map([
  [Resource.PRODUCTS, 'products'],
  [Resource.ITEMS, 'items'],
  [Resource.DOCUMENTS, 'documents'],
])

function whereOf({ resource, collection }: { readonly resource: Resource; readonly collection: string }): Where {
  const name = names.get(resource)
  if (name !== undefined) return { resource: name, collection }
  throw new Failure('request.invalid', 'It is not said of what.', {
    errors: [{ pointer: '/resource', reason: `must be one of ${[...names.values()].join(', ')}` }],
  })
}

function entryMessage({ id, version, createdAt, updatedAt, fields }: Awaited<ReturnType<typeof getEntry>>) {
  return create(EntrySchema, {
    id,
    version,
    createdAt: timestampFromDate(createdAt),
    updatedAt: timestampFromDate(updatedAt),
    fields: JSON.stringify(fields),
  })
}
