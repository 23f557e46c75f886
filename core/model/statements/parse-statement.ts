import { closest } from '#mesh/closest.ts'
import { readEnd, readText } from './clauses.ts'
import { readCreateModel } from './create-model.ts'
import { readDescribeModel, readShowModels } from './describe-model.ts'
import { readDrop } from './drop.ts'
import { readEvaluate } from './evaluate.ts'
import { tokenAt, type Token } from './lexer.ts'
import { syntaxFailure } from './place.ts'
import { createReader, type Reader } from './reader.ts'
import { readRetrainModel } from './retrain-model.ts'
import { readChangeRollout, readCreateRollout } from './rollout.ts'
import { readSetModel } from './set-model.ts'
import type { CancelTraining, ModelAction, ModelStatement } from './statement.ts'

interface Verb {
  /** What follows the verb if the statement is about models; where it is empty, the verb alone says so. */
  readonly nouns: readonly string[]
  read(reader: Reader): ModelAction
}

const verbs: Readonly<Record<string, Verb>> = {
  CREATE: {
    nouns: ['MODEL', 'ROLLOUT'],
    read: (reader) => (reader.accept('ROLLOUT') ? readCreateRollout(reader) : readCreateModel(reader)),
  },
  RETRAIN: { nouns: [], read: readRetrainModel },
  DROP: { nouns: ['MODEL', 'SCHEDULE', 'WATCH'], read: readDrop },
  SHOW: { nouns: ['MODELS'], read: readShowModels },
  DESCRIBE: { nouns: ['MODEL'], read: readDescribeModel },
  DESC: { nouns: ['MODEL'], read: readDescribeModel },
  EVALUATE: { nouns: [], read: readEvaluate },
  SET: { nouns: ['MODEL'], read: readSetModel },
  CANCEL: { nouns: [], read: readCancelTraining },
  PAUSE: { nouns: [], read: (reader) => readChangeRollout(reader, 'pause_rollout') },
  RESUME: { nouns: [], read: (reader) => readChangeRollout(reader, 'resume_rollout') },
  ABORT: { nouns: [], read: (reader) => readChangeRollout(reader, 'abort_rollout') },
}

/** Verbs that no other SQL has, so that something near one is one misspelt. */
const ownVerbs = Object.keys(verbs).filter((verb) => verbs[verb]?.nouns.length === 0)

/**
 * The statement about models that a text is; undefined where it is none, and belongs to the warehouse's gate. A failure,
 * `query.syntax`, has its place. What stands in a statement's parentheses is only delimited here: the gate judges it.
 */
export function parseStatement(sql: string): ModelStatement | undefined {
  const verb = verbOf(sql)
  if (verb === undefined) return undefined
  const nul = sql.indexOf('\0')
  if (nul >= 0) throw syntaxFailure(sql, { start: nul }, 'A NUL character is not allowed.')
  const reader = createReader(sql)
  const known = verbs[verb]
  if (known === undefined || !reader.accept(verb)) {
    for (const own of ownVerbs) reader.accept(own)
    throw reader.unexpected()
  }
  const action = known.read(reader)
  return { ...action, format: readEnd(reader) }
}

/** The verb of the statement, or the one that was probably meant. */
function verbOf(sql: string): string | undefined {
  const first = tokenAt(sql, 0, undefined)
  if (first.kind !== 'word') return undefined
  const word = first.text.toUpperCase()
  const verb = Object.hasOwn(verbs, word) ? verbs[word] : undefined
  // `FROM t SELECT …`, `SELECT …`: too short a word is near to everything.
  if (verb === undefined) return word.length < 5 ? undefined : closest(word, ownVerbs)
  if (verb.nouns.length === 0) return word
  let noun = tokenAt(sql, first.end, first)
  if (word === 'CREATE') noun = afterOrReplace(sql, noun)
  return noun.kind === 'word' && closest(noun.text, verb.nouns) !== undefined ? word : undefined
}

function afterOrReplace(sql: string, or: Token): Token {
  if (or.text.toUpperCase() !== 'OR') return or
  const replace = tokenAt(sql, or.end, or)
  return replace.kind === 'word' ? tokenAt(sql, replace.end, replace) : replace
}

/** What follows CANCEL. */
function readCancelTraining(reader: Reader): CancelTraining {
  reader.expect('TRAINING')
  return { kind: 'cancel_training', job: readText(reader, 'the id of a job in quotes').value }
}
