import type { Checkpoints } from '../state/checkpoints.ts'
import type { DataflowSpec, JobSection } from './job.ts'

/** What a dataflow goes on from. */
export interface SavedState {
  readonly epoch: number
  /** False: it is still that of the dataflows it was merged from. */
  readonly own: boolean
  /** By job. */
  readonly sections: Readonly<Record<string, JobSection>>
}

/** The latest complete checkpoint of a dataflow; when it has none, those of the dataflows it was merged from, taken together. */
export async function latestState(
  spec: DataflowSpec,
  checkpoints: (dataflow: string) => Checkpoints,
): Promise<SavedState | undefined> {
  const own = await checkpoints(spec.id).latest()
  if (own) return { epoch: own.epoch, own: true, sections: own.sections as SavedState['sections'] } // written by Dataflow
  let epoch = 0
  let sections: SavedState['sections'] = {}
  for (const parent of spec.mergedFrom) {
    const saved = await checkpoints(parent).latest()
    if (!saved) continue
    epoch = Math.max(epoch, saved.epoch)
    sections = { ...sections, ...(saved.sections as SavedState['sections']) } // likewise
  }
  return epoch > 0 ? { epoch, own: false, sections } : undefined
}
