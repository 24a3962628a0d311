/** What a scenario finds wrong. Not an `Error` that the code under test could take for one of its own. */
export class Violation extends Error {}
