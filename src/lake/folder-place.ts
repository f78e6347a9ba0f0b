import { join, resolve } from 'node:path'
import { assert } from '../base/assert.ts'
import { moveFile, openLocalStore } from '../storage/local-store.ts'
import { OWN_FOLDER, type Place, type Staged } from './place.ts'

const STAGED = 'staged/'

/** Files in `folder`, which is made if need be; `id` names this sink among those that write there. */
export function openFolderPlace(folder: string, id: string): Place {
  const root = resolve(folder)
  const ownFolder = join(root, OWN_FOLDER, id)
  const own = openLocalStore(ownFolder, 'the folder')
  return {
    own,
    stage: async (key, parts) => {
      // Not the name it will have: a reader's pattern such as **/*.parquet must not find it here.
      const name = `${key.slice(key.lastIndexOf('/') + 1)}.staged`
      await own.put(STAGED + name, parts)
      return { key, name }
    },
    publish: async (staged: Staged) => {
      const { key, name } = staged
      assert(typeof key === 'string' && typeof name === 'string', 'staged by this place')
      await moveFile(join(ownFolder, STAGED, name), join(root, key), root)
    },
    sweep: async () => {
      for (const key of await own.list(STAGED)) await own.delete(key)
    },
    close: async () => {},
  }
}
