import type { Definition } from './definition.ts'
import { readJsonSchema } from './json-schema.ts'
import type { IngestLimits } from './limits.ts'
import { parseType } from './parse-type.ts'
import { compileValidator, type Validator } from './validate.ts'

/** What judges the rows of a stream: its columns, and then its JSON Schema, where it has one. */
export function compileDefinition(definition: Definition, limits: IngestLimits): Validator {
  const { id, onUnknown, jsonSchema } = definition
  const columns = definition.columns.map(({ name, type }) => ({ name, type: parseType(type) }))
  const validate = compileValidator({ columns, id, onUnknown }, limits)
  const schema = jsonSchema === '' ? undefined : readJsonSchema(jsonSchema, limits.flattenDepth, [])
  if (schema === undefined) return validate
  return function validateWithSchema(text) {
    const verdict = validate(text)
    if (verdict.outcome === 'bad') return verdict
    const wrong = schema.check(JSON.parse(text))
    return wrong === undefined ? verdict : { ...verdict, outcome: 'bad', ...wrong }
  }
}
