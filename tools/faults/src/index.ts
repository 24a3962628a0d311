/** Fault campaigns. Private to this repository; docs/reliability.md has what they found. */
export { randomOf } from './campaign.ts';
export type { Campaign, CampaignOptions, Findings } from './campaign.ts';
export { campaigns } from './campaigns.ts';
