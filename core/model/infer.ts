import {
  type NamedTensor,
  type OutputTensor,
  rowsOf,
  tensorsOf,
  type WantedOutput,
} from '#mesh/inference/open-inference.ts'
import type { Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import type { Context } from '../context.ts'
import { findArm, type PredictDeps, predictWith } from './predict.ts'
import { type Recording, recordServed } from './record-served.ts'
import { refuseSeries, type ServedVersion } from './serve.ts'

interface Which {
  readonly name: string
  /** 0 is the live one. */
  readonly version: number
}

/** Which version answers the caller, and what it takes and gives. */
export async function findSignature(
  deps: PredictDeps,
  ctx: Context,
  which: Which,
): Promise<{ readonly served: ServedVersion; readonly signature: Signature }> {
  const served = await findArm(deps, ctx, which)
  refuseSeries(served)
  return { served, signature: await deps.loaded.signature(served.version.sha256) }
}

/** What a model says of tensors, in the core. */
export async function infer(
  deps: PredictDeps & Recording,
  ctx: Context,
  {
    inputs,
    outputs,
    ...which
  }: Which & {
    readonly inputs: readonly NamedTensor[]
    readonly outputs: readonly WantedOutput[]
  },
): Promise<{ readonly served: ServedVersion; readonly tensors: readonly OutputTensor[] }> {
  const { served, signature } = await findSignature(deps, ctx, which)
  const rows = rowsOf(inputs, signature)
  const { answers } = await predictWith(deps, served, { rows, explain: false })
  recordServed(deps, ctx, served, { rows, answers })
  return { served, tensors: tensorsOf(answers, signature, outputs) }
}
