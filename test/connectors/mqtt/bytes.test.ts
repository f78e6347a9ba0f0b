import { expect, test } from 'vitest'
import { Deliveries, idsOf } from '../../../connectors/mqtt/deliveries.ts'
import { Framing } from '../../../connectors/mqtt/framing.ts'
import { PacketWriter, propertiesAt, Type } from '../../../connectors/mqtt/packets.ts'
import { seededRandom } from '../../../src/base/clock.ts'

test('packets come whole, however the stream is cut; of those too large only the beginning', () => {
  const random = seededRandom(7)
  const lengths = Array.from({ length: 60 }, (_, i) => Math.floor(random() * (i % 7 === 0 ? 200_000 : 300)))
  const packets = lengths.map((length, i) => new PacketWriter().raw(new Uint8Array(length).fill(i)).finish(3, 0))
  const stream = Buffer.concat(packets)
  for (let round = 0; round < 20; round++) {
    const seen: string[] = []
    const framing = new Framing(100_000, (first, bytes, at, end, cut) => {
      seen.push(`${first} ${end - at + cut} ${new Set(bytes.subarray(at, end)).size <= 1} ${cut > 0}`)
    })
    for (let at = 0; at < stream.length; ) {
      const size = 1 + Math.floor(random() * (round % 2 === 0 ? 50 : 90_000))
      framing.push(new Uint8Array(stream.subarray(at, at + size)))
      at += size
    }
    expect(seen).toEqual(lengths.map(length => `48 ${length} true ${length > 100_000}`))
  }
})

test('a length of more than four bytes is no MQTT', () => {
  const framing = new Framing(1000, () => {})
  expect(() => framing.push(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff, 1))).toThrow(RangeError)
})

test('properties of every kind are passed over, and cut ones refused', () => {
  const body = new PacketWriter().properties(w =>
    w
      .byte(1)
      .byte(1)
      .byte(2)
      .uint32(9)
      .byte(11)
      .varint(300)
      .byte(35)
      .uint16(4)
      .byte(38)
      .text('a')
      .text('b')
      .byte(3)
      .text('x/y'),
  )
  const packet = body.finish(Type.publish)
  const { values, user } = propertiesAt(packet, 2, packet.length)
  expect(user.map(u => [u.key, Buffer.from(u.value).toString()])).toEqual([['a', 'b']])
  expect(Buffer.from(values.get(3) as Uint8Array).toString()).toBe('x/y')
  expect(() => propertiesAt(packet, 2, packet.length - 1)).toThrow(RangeError)
})

test('QoS 1: what a checkpoint held while there was no connection is acknowledged when it comes again', () => {
  const deliveries = new Deliveries(true)
  expect([deliveries.arrived(5, 1, false), deliveries.arrived(6, 1, false)]).toEqual([true, true])
  expect(deliveries.acknowledged(1, '', false)).toEqual([])
  expect(deliveries.arrived(5, 1, true)).toBe(false)
  expect(deliveries.answer).toEqual({ type: Type.puback, id: 5 })
  expect(deliveries.arrived(6, 1, true)).toBe(false)
  expect(deliveries.answer).toBeUndefined()
  expect(deliveries.acknowledged(2, '', true)).toEqual([{ type: Type.puback, id: 6 }])
  // Acknowledged, so the broker may use the id for another.
  expect(deliveries.arrived(5, 1, true)).toBe(true)
  expect(deliveries.unacknowledged).toBe(1)
})

test('QoS 2: an id is free only when a checkpoint no longer holds it', () => {
  const deliveries = new Deliveries(true)
  for (const id of [1, 2, 3, 9]) deliveries.arrived(id, 2, false)
  expect(deliveries.held(4)).toBe('1-3,9')
  expect(deliveries.acknowledged(3, '1-3', true).map(a => [a.type, a.id])).toEqual(
    [1, 2, 3].map(id => [Type.pubrec, id]),
  )
  expect(deliveries.released(2)).toBeUndefined()
  expect(deliveries.acknowledged(3, '1-3', true)).toEqual([])
  expect(deliveries.held(4)).toBe('1,3,9')
  expect(deliveries.acknowledged(4, '1,3,9', true)).toEqual([
    { type: Type.pubcomp, id: 2 },
    { type: Type.pubrec, id: 9 },
  ])
  // It was freed, and the broker says again that it let go of it.
  expect(deliveries.released(2)).toEqual({ type: Type.pubcomp, id: 2 })
  expect(idsOf('1-3,9')).toEqual([1, 2, 3, 9])
})

test('QoS 2: after a restart, what the checkpoint holds is recognised', () => {
  const deliveries = new Deliveries(true)
  deliveries.restore(4, idsOf('3,9'))
  expect(deliveries.arrived(3, 2, true)).toBe(false)
  expect(deliveries.answer).toEqual({ type: Type.pubrec, id: 3 })
  expect(deliveries.arrived(4, 2, true)).toBe(true)
  expect(deliveries.sequence).toBe(5)
  deliveries.forget()
  expect(deliveries.arrived(3, 2, true)).toBe(true)
})

test('an id that comes without being called a duplicate is another message: a killed broker has forgotten the first', () => {
  const deliveries = new Deliveries(true)
  expect([deliveries.arrived(1, 1, false), deliveries.arrived(1, 1, false)]).toEqual([true, true])
  expect(deliveries.acknowledged(1, '', true)).toEqual([])
  expect(deliveries.acknowledged(2, '', true)).toEqual([{ type: Type.puback, id: 1 }])
})
