import { Failure } from '#mesh/errors.ts'

/** A workspace's own topic in the log. No workspace and no topic has a `/`, so none can be called into another's. */
export function logTopic(workspace: string, topic: string): string {
  return `${workspace}/${topic}`
}

/** A workspace's own group in the log. The log's others have no `/`. */
export function logGroup(workspace: string, group: string): string {
  return `${workspace}/${group}`
}

/** As Kafka has them, but shorter. */
const shape = /^(?!\.{1,2}$)[\w.-]{1,100}$/

export function checkTopic(name: string, pointer: string): void {
  if (shape.test(name) && !name.startsWith('_')) return
  throw notNamed(name, 'a topic', pointer, ' and not begin with `_`, as the system’s do')
}

export function checkGroup(group: string, instance?: string): void {
  if (!shape.test(group)) throw notNamed(group, 'a group', 'group')
  if (instance !== undefined && !shape.test(instance)) throw notNamed(instance, 'an instance', 'instance')
}

function notNamed(name: string, what: string, pointer: string, more = ''): Failure {
  return new Failure('request.invalid', `\`${name.slice(0, 64)}\` is not the name of ${what}.`, {
    hint: 'A name is 1 to 100 characters: letters, digits, `.`, `_` and `-`.',
    errors: [{ pointer, reason: `must match [a-zA-Z0-9._-]{1,100}${more}` }],
  })
}
