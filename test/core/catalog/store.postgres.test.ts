import { describe } from 'vitest'
import { migrations } from '../../../core/catalog/index.ts'
import { postgresStore } from '../../../core/catalog/store.postgres.ts'
import { catalogStoreContract } from '../../contract/catalog-store.ts'
import { freshControl } from '../../support/control.ts'

for (const resource of ['products', 'items', 'documents'] as const) {
  describe(`${resource} in PostgreSQL, or in PGlite`, () => {
    catalogStoreContract(async () => {
      const control = await freshControl([migrations])
      return { store: postgresStore(control.db, resource), close: () => control.close() }
    })
  })
}
