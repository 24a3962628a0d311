/** What a party's `repair` comes to: it succeeds, or throws. */
export type Repairs = 'well' | 'in vain';

/** What it throws. */
export const repairError: Error = new Error('in vain');
