import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe } from 'vitest'
import { migrations } from '../../../core/catalog/index.ts'
import { postgresStore } from '../../../core/catalog/store.postgres.ts'
import type { Control } from '../../../core/storage/control.ts'
import { catalogStoreContract } from '../../contract/catalog-store.ts'
import { freshControl } from '../../support/control.ts'

let control: Control
beforeAll(async () => {
  control = await freshControl([migrations])
})
afterAll(() => control?.close())

for (const resource of ['products', 'items', 'documents'] as const) {
  describe(`${resource} in PostgreSQL, or in PGlite`, () => {
    catalogStoreContract(async () => ({
      store: postgresStore(control.db, resource),
      async close() {
        await control.db.execute(sql.raw(`truncate catalog_${resource}, catalog_outbox`))
      },
    }))
  })
}
