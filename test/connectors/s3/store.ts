import { describe, expect, test } from 'vitest'
import { openLocalStore } from '../../../src/storage/local-store.ts'
import type { ObjectStore } from '../../../src/storage/object-store.ts'
import { parseS3Url } from '../../../src/storage/open-store.ts'
import { S3Store } from '../../../src/storage/s3-store.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { missing, server } from './server.ts'

/** What every store keeps; `open` gives an empty one. */
function storeContract(name: string, open: () => Promise<ObjectStore>): void {
  describe(`${name}: what every object store keeps`, () => {
    test('objects are put, replaced, listed by prefix and deleted', async () => {
      const store = await open()
      await store.put('a/1', [Buffer.from('one')])
      await store.put('a/b/2', [Buffer.from('tw'), new Uint8Array(0), Buffer.from('o')])
      await store.put('ab', [])
      await store.put('a/1', [Buffer.from('uno')])
      expect((await store.get('a/1'))?.toString()).toBe('uno')
      expect((await store.get('a/b/2'))?.toString()).toBe('two')
      expect((await store.get('ab'))?.length).toBe(0)
      expect(await store.get('a/none')).toBeUndefined()
      expect(await store.list('')).toEqual(['a/1', 'a/b/2', 'ab'])
      expect(await store.list('a')).toEqual(['a/1', 'a/b/2', 'ab'])
      expect(await store.list('a/')).toEqual(['a/1', 'a/b/2'])
      expect(await store.list('x/y')).toEqual([])
      await store.delete('a/1')
      await store.delete('never/was')
      expect(await store.list('a/')).toEqual(['a/b/2'])
    })

    test('parts are read before put returns', async () => {
      const store = await open()
      const part = Buffer.from('before')
      const done = store.put('k', [part])
      part.write('after!')
      await done
      expect((await store.get('k'))?.toString()).toBe('before')
    })

    test('names may be odd, and cannot leave the store', async () => {
      const store = await open()
      const odd = 'checkpoints/a b%2E+ü&=;/7'
      await store.put(odd, [Buffer.from('x')])
      expect(await store.list('checkpoints/')).toEqual([odd])
      expect((await store.get(odd))?.toString()).toBe('x')
      for (const key of ['../x', 'a/../../x', '/x', 'a//b', '.'])
        await expect(async () => store.get(key)).rejects.toThrow('key')
    })
  })
}

storeContract('local folder', async () => openLocalStore(temporaryFolder()))

describe.skipIf(missing)(`S3 ${missing ?? ''}`, () => {
  const open = async (): Promise<S3Store> => {
    const { s3, prefix } = server.newPlace()
    return new S3Store(s3, prefix, 'me')
  }
  storeContract('S3', open)

  test('an object larger than a part', async () => {
    const store = await open()
    const large = Buffer.alloc((64 << 20) + 1000, 'large')
    await store.put('large', [large.subarray(0, 1000), large.subarray(1000)])
    expect((await store.get('large'))?.equals(large)).toBe(true)
  })

  test('who claims the place later is the only one to write', async () => {
    const { s3, prefix } = server.newPlace()
    const [first, second] = [new S3Store(s3, prefix, 'first'), new S3Store(s3, prefix, 'second')]
    await first.claim()
    await first.put('k', [Buffer.from('1')])
    await second.claim()
    await second.put('k', [Buffer.from('2')])
    await expect(first.put('k', [Buffer.from('3')])).rejects.toMatchObject({ sqlState: '55006', retryable: false })
    expect((await second.get('k'))?.toString()).toBe('2')
    expect(await second.list('')).toEqual(['k'])
  })
})

test('an S3 address says where and how', () => {
  expect(parseS3Url('s3://lake/a/b/?endpoint=http://localhost:9000&region=eu-central-1&path_style=false')).toEqual({
    bucket: 'lake',
    prefix: 'a/b/',
    options: { endpoint: 'http://localhost:9000', region: 'eu-central-1', pathStyle: false },
  })
  expect(parseS3Url('s3://lake')).toMatchObject({ bucket: 'lake', prefix: '' })
  for (const wrong of ['lake', 'http://lake/x', 's3://', 's3://lake?regoin=x', 's3://key:secret@lake/x']) {
    expect(() => parseS3Url(wrong)).toThrow(expect.objectContaining({ sqlState: '22023' }))
  }
})
