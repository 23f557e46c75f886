import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { PredictResponseSchema, type Serving, ServingSchema } from '#proto/edgewise/model/v1/model_pb.ts'
import { type Ask, climb } from '../../../edge/inference/ladder.ts'

type Step = 'answers' | 'fails' | 'hangs' | 'refuses' | 'is not there'

const failures = {
  fails: () => new Failure('internal.error', 'broken'),
  refuses: () => new Failure('request.invalid', 'wrong rows'),
}

async function said<T>(step: Step, value: T): Promise<T> {
  if (step === 'hangs') return new Promise(() => undefined)
  if (step === 'fails' || step === 'refuses') throw failures[step]()
  return value
}

/** Which step answers, where edge, core and the previous version at the edge do as the test says. */
async function climbed(
  steps: { readonly edge: Step; readonly core: Step; readonly previous?: Step },
  { fallback = '', coreOnly = false, ...ask }: Partial<Ask> & { fallback?: string; coreOnly?: boolean } = {},
) {
  const prediction = (text: string) => ({ answers: [{ prediction: text }], warnings: [] })
  const { edge, core, previous = 'is not there' } = steps
  const deps = {
    models: {
      useHere(hash: string) {
        const step = hash === 'old' ? previous : edge
        if (step === 'refuses') throw failures.refuses()
        return hash === 'old' && step === 'answers' ? prediction('previous') : undefined
      },
      use: () => said(edge, prediction('edge')),
    },
    core: {
      model: { predict: () => said(core, create(PredictResponseSchema, { answers: ['{"prediction":"core"}'] })) },
    },
    sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 5)),
  } as unknown as Parameters<typeof climb>[0]
  const old = { name: 'm', version: 1, sha256: 'old' }
  const serving: Serving = create(ServingSchema, {
    name: 'm',
    version: 2,
    sha256: 'new',
    fallback,
    coreOnly,
    ...(steps.previous && { previous: old }),
  })
  const caller = { credential: '', workspace: 'main', requestId: '' }
  const background = { waitUntil: () => undefined }
  const asked = { rows: [{}], explain: false, horizon: 0, caller, background, degraded: false, ...ask }
  try {
    const { answers, placement, fallback: why, serving: by } = await climb(deps, serving, asked)
    return `${(answers as { prediction: string }[])[0]!.prediction} ${placement} v${by.version} ${why ?? ''}`.trim()
  } catch (thrown) {
    return (thrown as Failure).problem
  }
}

describe('the ladder', () => {
  test('begins at the edge', async () => {
    expect(await climbed({ edge: 'answers', core: 'fails' })).toBe('edge edge v2')
  })

  test('goes on to the core where the edge fails, or its file does not come in time', async () => {
    expect(await climbed({ edge: 'fails', core: 'answers' })).toBe('core core v2 edge-failed')
    expect(await climbed({ edge: 'hangs', core: 'answers' })).toBe('core core v2 edge-slow')
  })

  test('begins in the core for what only the core can do', async () => {
    expect(await climbed({ edge: 'answers', core: 'answers' }, { coreOnly: true })).toBe('core core v2')
    expect(await climbed({ edge: 'answers', core: 'answers' }, { horizon: 3 })).toBe('core core v2')
  })

  test('ends with what the owner declared: the previous version where it is here, a constant, else a refusal', async () => {
    const constant = { fallback: '{"kind":"constant","value":"no"}' }
    expect(await climbed({ edge: 'fails', core: 'fails', previous: 'answers' })).toBe('previous edge v1 previous')
    expect(await climbed({ edge: 'fails', core: 'fails', previous: 'is not there' })).toBe('model.unavailable')
    expect(await climbed({ edge: 'fails', core: 'fails', previous: 'refuses' })).toBe('model.unavailable')
    expect(await climbed({ edge: 'fails', core: 'fails' }, constant)).toBe('no fallback v2 constant')
    expect(await climbed({ edge: 'fails', core: 'fails' })).toBe('model.unavailable')
  })

  test('leaves the core out where it is known not to answer', async () => {
    expect(await climbed({ edge: 'fails', core: 'answers', previous: 'answers' }, { degraded: true })).toBe(
      'previous edge v1 previous',
    )
  })

  test('is not climbed for rows that are wrong: they are wrong on every step', async () => {
    expect(await climbed({ edge: 'refuses', core: 'answers', previous: 'answers' })).toBe('request.invalid')
    expect(await climbed({ edge: 'fails', core: 'refuses', previous: 'answers' })).toBe('request.invalid')
  })
})
