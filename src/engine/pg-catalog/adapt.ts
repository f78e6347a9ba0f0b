/**
 * Clients are told version 15 and ask for the catalog of 15; the catalog behind is 18. What was renamed since is renamed in
 * their queries. Only whole column names after a dot: nothing else in a statement looks like that.
 */
const RENAMED: readonly (readonly [RegExp, string])[] = [
  [/\.daticulocale\b/g, '.datlocale'],
  [/\.colliculocale\b/g, '.colllocale'],
]

export function adaptToCatalog(sql: string): string {
  return RENAMED.reduce((text, [old, now]) => text.replace(old, now), sql)
}
