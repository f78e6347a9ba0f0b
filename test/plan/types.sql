-- Types: literals take the other side's, casts are written out, what does not fit is refused.
CREATE SOURCE t (i integer, l bigint, s smallint, d double precision, r real, n numeric(10, 2), b boolean, x text, v varchar(5), ts timestamptz, at timestamp, day date, j jsonb, a int[]);

SELECT i + l, i + d, s + i, n + i, n * d, i / 2, l % 3, -s, i + 1.5, r + 1 FROM t;
SELECT * FROM t WHERE i = '5';
SELECT * FROM t WHERE i = 'five';
SELECT * FROM t WHERE v = 'abc' AND x > v;
SELECT * FROM t WHERE i;
SELECT * FROM t WHERE b AND NOT b OR b IS NOT TRUE AND x IS NULL;
SELECT * FROM t WHERE NULL;
SELECT CASE i WHEN 1 THEN 'one' WHEN 2 THEN x END, CASE WHEN b THEN 1 ELSE 2.5 END, CASE WHEN b THEN 1 ELSE 'x' END FROM t;
SELECT CASE WHEN b THEN i ELSE x END FROM t;
SELECT coalesce(i, l, 0), coalesce(NULL, x), coalesce(NULL, NULL) FROM t;
SELECT i IN (1, 2, 3), i NOT IN (1, 2, NULL), x IN ('a'), l IN (1, i), n IN (1, 2), i IN ('1', '2') FROM t;
SELECT i BETWEEN 1 AND 10, i NOT BETWEEN 1 AND 2, i BETWEEN SYMMETRIC 5 AND 1 FROM t;
SELECT i IS DISTINCT FROM 1, i IS NOT DISTINCT FROM NULL FROM t;
SELECT (i, x) = (1, 'a'), (i, l) < (1, 2), (i, x) IN ((1, 'a'), (2, 'b')) FROM t;
SELECT i = ANY(ARRAY[1, 2]), i <> ALL('{3,4}'), i > ANY('{1,2}') FROM t;
SELECT i::bigint, x::int, n::numeric(4, 1), i::boolean, day::timestamptz FROM t;
SELECT b::timestamptz FROM t;
SELECT x::nosuchtype FROM t;
SELECT x::smalint FROM t;
SELECT '12'::int, '1.5'::numeric(3, 0), 'abc'::int;
SELECT 2147483647, 2147483648, -2147483648, 9223372036854775808, 1.50, 1e3;
SELECT $1, $2 + 1, i = $3, x LIKE $4 FROM t WHERE ts > $5 LIMIT $6;
SELECT ARRAY[1, 2.5], ARRAY[]::text[], ARRAY['1', '2']::int[], ARRAY[] FROM t;
SELECT float8(i), text(i), int4(d) FROM t;
SELECT i AND b FROM t;
SELECT x COLLATE "C", x COLLATE "de_DE" FROM t;
