export const migrations = { domain: 'catalog', folder: new URL('./migrations', import.meta.url) }
