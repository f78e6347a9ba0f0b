/** Expressions that Postgres and we share, one a line. Those it refuses we refuse. */
export const expressions = String.raw`
1
.5
5.
1e10
1.5e-3
1_000_000
0x1F
0b101
0o17
1_000.5
0x
1a
1__0
1_
$1
$1 + $2
'it''s'
E'a\nb\t\\ \x41 \101 \u0041 \U00000041'
E'\u00e9\xc3\xa9'
E'\'quoted\''
U&'d\0061t\+000061'
U&'d!0061t' UESCAPE '!'
U&"d\0061t"
B'1010'
x'1F'
N'national'
$$dollar 'quoted'$$
$tag$ with $$ inside $tag$
'unterminated
"unterminated
""
'a' 'b'
a
A
"A"
"a b".c
"""x"""
a.b
a.b.c.d
été
a.*
t.a[1]
a[1][2]
a[1:2]
a[:2]
a[1:]
a[:]
(a).b
(a).b.c[1]
(a.b).*
(row(1, 2)).f1
a[1].b
$1.f
$1[2]
f(x)[1]
(f(x))[1]
array[1, 2][1]
(array[1, 2])[1]
a + b * c
a * b + c
(a + b) * c
a - b - c
a / b / c % d
a ^ b ^ c
- a ^ b
- a
- - a
+ a
-1
- 1::int
-a::int
-a[1]
a + -b
a - -1
a--comment
not a
not not a
not a = b
not a and b
a and not b or c
a or b and c
a and b and c or d or e
(a and b) and c
a and (b and c)
a or (b or c)
a = b and c <> d
a != b
a <= b and c >= d
a < b < c
a = b = c
(a = b) = c
a = (b = c)
a < b = c
a is null
a is not null
a isnull
a notnull
a is null is null
a is not null = b
a = b is null
a is true
a is not true
a is false
a is not false
a is unknown
a is not unknown
a is distinct from b
a is not distinct from b
a is distinct from b is distinct from c
a is distinct from b + 1 = c
a + b is null
a || b || c
a || b + c
a + b || c
~ a
~ a + b
~ a || b
~ ~ a
@ a
|/ 2
||/ 27
a !~ b
a ~ 'x' and b ~* 'y' or c !~* 'z'
a operator(pg_catalog.~) b
operator(pg_catalog.-) a
a operator(+) b
a operator(pg_catalog.+) b * c
a -> 'b'
a -> 'b' ->> 'c'
a #> '{a,b}'
a #>> '{a,b}'
a @> b
a <@ b
a ? 'b'
a ?| array['b']
a ?& array['b']
a @@ b
a && b
a <-> b
a << 2
a >> 2
a & b | c # d
a <=> b
a =- b
a=-1
a*-1
a<-1
a@-b
a@ -b
a = any (b)
a = any (array[1, 2])
a = any (select 1)
a = any ((select 1))
a <> all (b)
a = some (b)
a = any (b) = c
a like any (b)
a not like all (b)
a ilike any (array['x'])
a ~ any (b)
a + b = any (c)
a like 'b'
a like 'b' escape '\'
a not like 'b'
a ilike 'b'
a not ilike 'b' escape 'c'
a similar to 'b'
a not similar to 'b' escape '#'
a like b || c
a like b like c
a like b = c
a in (1)
a in (1, 2, 3)
a not in (1, 2)
a in (select 1)
a not in (select 1)
a in ((select 1))
a in ((select 1), 2)
a in ((select 1) union (select 2))
a in (1) in (2)
a + 1 in (1)
not a in (1)
a in ()
a between 1 and 2
a not between 1 and 2
a between symmetric 1 and 2
a between asymmetric 1 and 2
a between 1 and 2 and b
a between 1 + 1 and 2 + 2
a between b and c or d
a between 1 and 2 between 3 and 4
a between not b and c
a between (not b) and c
a between b is null and c
a between b < c and d
a collate "C"
a || b collate "C"
a collate pg_catalog."de_DE" < b
a at time zone 'UTC'
a at time zone 'UTC' at time zone b
a + b at time zone 'UTC'
a at local
- a at time zone 'UTC'
a::int
a::int::text
a + b::int
a::numeric(10, 2)
a::numeric(10, -2)
a::int[]
a::int[][]
a::int[3]
a::int array
a::int array[4]
a::varchar
a::varchar(10)
a::character varying(10)
a::char(3)
a::timestamp
a::timestamp(3)
a::timestamp with time zone
a::timestamp(3) with time zone
a::timestamp without time zone
a::time(0) with time zone
a::timestamptz
a::interval
a::interval(3)
a::interval day to second
a::interval second(3)
a::double precision
a::float
a::float(20)
a::float(30)
a::float(60)
a::dec(5)
a::bit(3)
a::bit varying(3)
a::pg_catalog.int4
a::regclass
a::my_schema.my_type
a::"Quoted"
a::int + 1
cast(a as int)
cast(a + 1 as numeric(5, 2))
cast(a as text) || b
int '5'
float '1.5'
timestamp '2026-01-01'
timestamp with time zone '2026-01-01'
timestamp(3) '2026-01-01'
timestamptz '2026-01-01'
timestamptz(3) '2026-01-01'
date '2026-01-01'
time '10:00'
bool 't'
json '{}'
jsonb '{}'
pg_catalog.date '2026-01-01'
numeric(3) '1'
varchar(3) 'abc'
interval '5 minutes'
interval '5' minute
interval '5' second(3)
interval(3) '5'
interval '1' year to month
interval '1' day to second
interval '1' hour to minute
interval '1' minute to hour
interval '5' minute + interval '1' hour
case when a then b end
case when a then b when c then d else e end
case a when 1 then 'x' else 'y' end
case a end
case when a then b
coalesce(a, b, c)
coalesce()
nullif(a, b)
nullif(a)
greatest(a, b)
least(a)
f()
f(a)
f(a, b)
s.f(a)
f(distinct a)
f(all a)
f(a order by b desc nulls last, c)
f(distinct a order by a)
f(variadic a)
f(a, variadic b)
f(x => 1, y => 2)
f(1, x := 2)
count(*)
count(distinct a, b)
count(*) filter (where a > 1)
sum(a) over ()
sum(a) over w
sum(a) over (partition by b order by c)
sum(a) over (w order by c)
sum(a) over (order by c rows 5 preceding)
sum(a) over (order by c rows between 5 preceding and 2 following)
sum(a) over (order by c range between unbounded preceding and current row)
sum(a) over (order by c range between interval '1 hour' preceding and interval '1 hour' following)
sum(a) over (order by c groups between current row and unbounded following exclude ties)
sum(a) over (rows unbounded preceding exclude current row)
sum(a) over (rows between unbounded preceding and unbounded following exclude no others)
sum(a) over (rows between unbounded following and current row)
sum(a) over (rows between current row and 1 preceding)
sum(a) over (rows 1 following)
sum(a) filter (where b) over (partition by c)
percentile_cont(0.5) within group (order by a)
percentile_cont(0.5) within group (order by a desc) filter (where b)
mode() within group (order by a)
f(a order by b) within group (order by c)
f(distinct a) within group (order by c)
string_agg(a, ',' order by b)
array_agg(a order by b using <)
extract(year from a)
extract('epoch' from a)
extract(epoch from a - b)
position('a' in b)
substring(a from 1 for 2)
substring(a from 1)
substring(a for 2)
substring(a, 1, 2)
substring(a similar 'x' escape '#')
overlay(a placing b from 1 for 2)
overlay(a placing b from 1)
trim(a)
trim(both 'x' from a)
trim(leading from a)
trim(trailing 'x' from a)
trim(from a)
trim('x' from a)
trim(a, 'x')
normalize(a)
normalize(a, nfc)
collation for (a)
current_date
current_time
current_timestamp
current_timestamp(3)
localtime
localtimestamp(0)
current_user
current_role
session_user
user
current_catalog
current_schema
current_schema()
exists (select 1)
not exists (select 1 from a where b = c)
(select 1)
(select 1) + 1
((select 1))
((select 1) + 1)
((select 1) union (select 2))
((select 1) limit 1)
array(select 1)
array[]
array[1, 2]
array[[1, 2], [3, 4]]
array[array[1], array[2]]
array[[1], 2]
'{1,2}'::int[]
row(1, 2)
row()
row(1)
(1, 2)
(1, 2) = (3, 4)
(a, b) in ((1, 2), (3, 4))
(a, b) overlaps (c, d)
row(a, b) overlaps row(c, d)
(a, b, c) overlaps (c, d)
a is document
a is json
a is not json object
a is normalized
a is not nfc normalized
null
true
false
default
left(a, 1)
right(a, 2)
left
name
value
int
timestamp
values
select
order
"order"
a b c
a +
(a
a)
a,
*
1 +/* comment /* nested */ */ 2
1 -- line
/* open
a . b
a.1
1..2
1.2.3
#a
a#
a = = b
a := b
@
?
::int
f(,)
f(a,)
f(*, a)
f(a *)
grouping(a, b)
a.b.c(1)
interval
interval '1' fortnight
"a".b::text collate "C" is not null
a is of (int)
(a)
((a))
((((a + b))))
`
  .trim()
  .split('\n')

/** Whole statements of the shared language: queries and changes to tables. */
export const statements = `
select
select 1
select 1, 2 as b, 3 "C"
select a from b
select a as select from b
select a b from c
select a year from c
select a value, b name, c text from t
select distinct a from b
select distinct on (a, b) c from d
select all a from b
select * from a, b c, d as e
select a.* from a
select from a
select a from b where c
select a from b where c group by d having e order by f limit 1 offset 2
select a from only b
select a from only (b)
select a from b *
select a from b as c (d, e)
select a from s.b
select a from db.s.b
select a from b tablesample system (10)
select a from b tablesample bernoulli (10) repeatable (1)
select * from a join b on c
select * from a inner join b using (c, d)
select * from a join b using (c) as x
select * from a left join b on true left outer join c on false
select * from a right join b on c full outer join d on e
select * from a cross join b
select * from a natural join b
select * from a natural left join b
select * from a join b join c on d on e
select * from a join b on c join d on e
select * from a, b join c on d, e
select * from (a join b on c)
select * from (a join b on c) as d
select * from ((a join b on c) join d on e)
select * from a join (b join c on d) on e
select * from a join b
select * from (a)
select * from (select 1) as a
select * from (select 1) a (b)
select * from (select 1)
select * from ((select 1)) a
select * from ((select 1) union (select 2)) a
select * from ((select 1) a join b on c)
select * from ((select 1) a cross join (select 2) b) c
select * from (values (1, 'a'), (2, 'b')) as t (x, y)
select * from lateral (select 1) a
select * from a, lateral (select a.b) c
select * from a left join lateral f(a.b) c on true
select * from generate_series(1, 10)
select * from generate_series(1, 10) as g
select * from generate_series(1, 10) g (x)
select * from unnest(a, b) with ordinality as t (x, y, n)
select * from rows from (f(1), g(2)) with ordinality
select * from json_to_record('{}') as x (a int, b text)
select * from json_to_record('{}') as (a int, b text)
select * from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
select * from current_date
select * from cast(1 as int)
select * from
select * from a where
select * from a b c
select * from a order
select * from a group a
select a from b group by a, b
select a from b group by ()
select a from b group by (a, b)
select a from b group by rollup (a, b)
select a from b group by cube (a, (b, c))
select a from b group by grouping sets ((a, b), a, (), rollup (c))
select a from b group by distinct a
select a from b group by all a
select a from b order by a, b desc, c asc nulls first, d nulls last
select a from b order by a using >
select a from b limit all
select a from b limit null
select a from b limit 1 + 1 offset 2 rows
select a from b offset 1
select a from b offset 1 limit 2
select a from b limit 1, 2
select a from b limit 1 limit 2
select a from b fetch first row only
select a from b fetch next 5 rows only
select a from b fetch first (1 + 1) rows only
select a from b order by c fetch first 5 rows with ties
select a from b for update
select a from b for no key update of b nowait
select a from b for share skip locked
select sum(a) over w from b window w as (partition by c), v as (w order by d)
select a from b union select c from d
select a from b union all select c from d union select e
select a union select b intersect select c except select d
(select a union select b) intersect select c
select a union (select b order by c limit 1)
(select a order by b limit 1) union select c
(select a)
((select a))
(select a) limit 1
(select a limit 1) limit 2
(select a order by b) order by c
(select a order by b) limit 1
((select a) order by b) union ((select c) limit 1)
select a union distinct select b
values (1, 2), (3, 4)
values (1) union all values (2) order by 1
table a
table a union select 1
with a as (select 1) select * from a
with a (b, c) as (select 1, 2), d as (select 3) select * from a, d
with recursive a as (select 1 union all select a + 1 from a) select * from a
with a as materialized (select 1) select 1
with a as not materialized (select 1) select 1
with a as (insert into b values (1) returning c) select * from a
with a as (with b as (select 1) select * from b) select * from a
(with a as (select 1) select * from a)
with a as (select 1) (with b as (select 2) select 3)
select a into b from c
insert into a values (1)
insert into a (b, c) values (1, default), (2, 3)
insert into a select * from b
insert into a (b) select c from d
insert into a (select 1)
insert into a default values
insert into a as x values (1)
insert into s.a values (1) returning *
insert into a values (1) returning b, c as d
insert into a values (1) on conflict do nothing
insert into a values (1) on conflict (b) do update set c = excluded.c, d = 1 where e
insert into a values (1) on conflict on constraint x do nothing
insert into a
insert a values (1)
with x as (select 1) insert into a select * from x
update a set b = 1
update a set b = 1, c = default where d returning e
update a as x set b = y.c from d y where x.e = y.e
update a set (b, c) = (1, 2)
update a set (b, c) = (select 1, 2)
update a set b[1] = 2, c.d = 3
update only a set b = 1
update a set
update a set b = 1 where current of c
delete from a
delete from a where b = 1 returning *
delete from a as x using b y where x.c = y.c
delete a
begin
begin work
begin transaction isolation level serializable, read only
start transaction read write
commit
commit and chain
end transaction
rollback
rollback to savepoint a
rollback to a
abort
savepoint a
release savepoint a
release a
prepare transaction 'x'
commit prepared 'x'
set a = 1
set a to 'b', 'c'
set local a = default
set session a.b = on
set time zone 'UTC'
set time zone local
set time zone interval '+02:00' hour to minute
set search_path to public, "$user"
set transaction isolation level read committed
set session characteristics as transaction read only
set names 'utf8'
set role none
set a
reset a
reset all
reset time zone
show a
show all
show time zone
show transaction isolation level
explain select 1
explain analyze verbose select 1
explain (analyze, buffers off, format json) select 1
explain insert into a values (1)
prepare p as select $1
prepare p (int, text) as insert into a values ($1, $2)
execute p
execute p (1, 'a')
deallocate p
deallocate prepare p
deallocate all
declare c cursor for select 1
declare c binary insensitive no scroll cursor with hold for select 1
fetch c
fetch next from c
fetch 5 from c
fetch -5 in c
fetch all c
fetch forward all from c
fetch backward 3 from c
fetch absolute 1 c
fetch first from c
move 5 c
close c
close all
copy a to stdout
copy a (b, c) from stdin
copy (select 1) to stdout with (format csv, header)
copy a from stdin with csv header delimiter ';'
copy a to '/tmp/x' (format 'text')
listen a
notify a, 'b'
unlisten *
lock table a in access exclusive mode nowait
lock a, b
discard all
discard temp
truncate a
truncate table a, b restart identity cascade
drop table a
drop table if exists a, s.b cascade
drop view a restrict
drop materialized view a
create view a as select 1
create or replace view a (b) as select 1
create materialized view if not exists a as select 1 with no data
create table a (b int, c text not null default 'x', primary key (b))
create table if not exists s.a (b int primary key, c numeric(10, 2) check (c > 0), unique (b, c))
create temp table a (b int)
create table a as select 1
create table a (b, c) as select 1, 2
create table a (b int generated always as (c + 1) stored)
create index i on a (b)
create schema s
create
create table
create table a (
select 1;
;;
select 1 select 2
frobnicate
vacuum a
analyze
`
  .trim()
  .split('\n')

/** Statements of ours and of the other engines. All of them parse. */
export const own = `
CREATE CONNECTION k TYPE kafka WITH (brokers = 'localhost:9092', sasl_password = 'x')
create connection if not exists p type pulsar with (url = 'pulsar://a', 'admin.url' = 'http://b')
CREATE SOURCE r (device text PATH '$.a.b', v double, ts timestamptz FORMAT 'epoch_ms', WATERMARK FOR ts AS ts - INTERVAL '5 seconds', PRIMARY KEY (device)) INCLUDE KEY AS k INCLUDE PARTITION INCLUDE OFFSET AS o INCLUDE TIMESTAMP AS t INCLUDE HEADERS INCLUDE TOPIC WITH (connector = 'kafka', topic = 'x', format = 'json', start = 'earliest')
create source s with (connector = 'mqtt', topic = 'sensors/#', retries = 3, tls = true, properties.bootstrap.server = 'b')
create or replace source s (a int, b as a + 1, c string not null, proc as now()) with (connector = 'generator')
create source s (a int generated always as (b * 2), k text metadata from 'key' virtual, primary key (a) not enforced) with (connector = 'x')
create source s (data struct<a int, b array<map<string, int>>>, rows row(x int, y row<z double>)) with (format = 'avro')
create source s (a int) include header 'trace' as t with (connector = 'kafka') format plain encode json
create table t (a int primary key, ts timestamp_ltz(3), b bytes, d double, watermark for ts as ts)
create stream humidity_readings (device_id varchar key, humidity double, h bytes header('x')) with (kafka_topic='iot.sensor.humidity', value_format='JSON')
create stream x with (kafka_topic = 'y') as select * from z partition by device emit changes
create table c as select device, count(*) as n from s window tumbling (size 5 minutes, retention 7 days, grace period 1 hour) group by device emit changes
create stream h as select * from s window hopping (size 5 minutes, advance by 1 minute) group by device
select device, count(*) from s window session (30 seconds) group by device emit changes limit 5
create stream j as select a.x, b.y from a join b within 1 hour grace period 5 minutes on a.id = b.id emit changes
create stream j as select a.x from a left join b within (1 hour, 2 hours) on a.id = b.id
create materialized view v as select window_start, device, avg(v) filter (where v > 0) from tumble(r, ts, interval '5 minutes') group by 1, 2 emit final
create materialized view v with (retention = '7 days') as select * from t emit on window close
create or replace materialized view v (a, b) as select 1, 2
create sink s from v with (connector = 'kafka', topic = 'out')
create sink if not exists s as select * from v emit final with (connector = 's3')
create sink s with (connector = 'file') as select 1
insert into kafka."topic.name" select * from v
select * from tumble(t, ts, interval '5 minutes')
select * from tumble(t, ts, interval '5 minutes', interval '1 minute') as w where w.a > 1
select * from hop(t, ts, interval '1' minute, interval '5' minute) w
select * from cumulate(t, ts, interval '1 minute', interval '1 hour')
select * from session(t partition by device_id, ts, interval '30 seconds')
select * from session(t partition by (a, b), ts, interval '30 seconds')
select * from session(t, ts, '30 seconds')
select * from table(tumble(table t, descriptor(ts), interval '5' minute))
select * from table(hop(table t, descriptor(ts), interval '1' minutes, interval '5' minutes)) as h
select * from table(session(table t partition by device, descriptor(ts), interval '5' minute))
select * from table(tumble(data => table t, timecol => descriptor(ts), size => interval '10' minutes, offset => interval '1' minute))
select * from table(cumulate(table s.t, descriptor(ts), interval '1' minute, interval '1' day))
select * from tumble((select * from t where a > 1), ts, interval '5 minutes')
select * from tumble((a join b on a.x = b.x), ts, interval '5 minutes')
select window.start, avg(x) from t group by window(ts, '5 minutes'), device
select avg(x) from a, b group by device, window(ts, '5 minutes', '1 minute')
select * from a asof join b on a.ts >= b.ts and a.k = b.k
select * from a asof left join b on a.ts >= b.ts
select * from orders o join rates for system_time as of o.ts as r on o.c = r.c
select * from t for system_time as of now()
select * from t emit changes
select a from t emit changes limit 3
select * from pulsar."tenant/namespace".topic
select * from subscribe('v')
select interval 5 minutes
select cast(a as map<string, int>), cast(b as array<double>), c::string
subscribe v
subscribe to s.v with (snapshot = false, progress)
subscribe (select * from v where a > 1)
copy (subscribe v) to stdout
copy (subscribe to v with (snapshot = true)) to stdout with (format csv)
declare c cursor for subscribe v
fetch 10 c with (timeout = '1s')
fetch forward 10 from c
show tables
show tables from s like 'a%'
show materialized views
show sources
show streams
show topics
show jobs
show connections
show create materialized view v
show create table s.t
show columns from t
show server_version
describe t
desc s.t
describe extended v
explain analyze select 1
explain create materialized view v as select 1
alter job j pause
alter job s.j resume
alter materialized view v rename to w
alter source s set (topic = 'x')
alter table t add column c int not null
alter table t drop column if exists c cascade
alter table t rename column a to b
alter table t owner to x
drop source if exists s cascade
drop stream a
drop sink a, b
drop connection c
drop topic t
drop job j
set 'auto.offset.reset' = 'earliest'
refresh materialized view v
comment on table t is 'x'
grant select on t to x
create role r
`
  .trim()
  .split('\n')
