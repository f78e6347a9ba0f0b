import { loadModule, parseSync } from 'libpg-query'
import { parseScript } from '../../grammar/parse.ts'
import { systemClock } from '../../src/base/clock.ts'

/** Microseconds to parse a statement of 20 lines, ours beside libpg-query's in the same run. Aim: under 200. */

const statement = `
with readings as (
  select device_id, room, ts, temperature, humidity
  from kafka."iot.readings"
  where temperature is not null and humidity between 0 and 100
),
rooms (room, floor) as (values ('a', 1), ('b', 2), ('c', 3))
select r.room,
       o.floor,
       date_trunc('minute', r.ts) as minute,
       avg(r.temperature)::numeric(10, 2) as avg_temperature,
       max(r.humidity) filter (where r.humidity > 0.5) as max_humidity,
       count(distinct r.device_id) as devices,
       case when avg(r.temperature) > 30 then 'hot' when avg(r.temperature) < 10 then 'cold' else 'fine' end as verdict,
       sum(count(*)) over (partition by r.room order by date_trunc('minute', r.ts) rows between 5 preceding and current row)
from readings r
left join rooms o on o.room = r.room and o.floor in (1, 2, 3)
where r.ts >= now() - interval '1 day' and not r.device_id like 'test%'
group by r.room, o.floor, date_trunc('minute', r.ts)
having count(*) > 10
order by minute desc nulls last, r.room
limit 100`

/** The best of several rounds, in µs a call. */
function measure(parse: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 15; round++) {
    const start = systemClock.monotonicMs()
    for (let i = 0; i < 200; i++) parse()
    best = Math.min(best, ((systemClock.monotonicMs() - start) * 1000) / 200)
  }
  return best
}

await loadModule()
const ours = measure(() => parseScript(statement))
const theirs = measure(() => parseSync(statement))
console.log(
  JSON.stringify({ bench: 'parse', lines: 20, oursMicros: Math.round(ours), libpgQueryMicros: Math.round(theirs) }),
)
