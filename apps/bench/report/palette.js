/* global matchMedia */
// One colour per subject, the same in every chart: a family has a part of the colour wheel, and rivals are pale and dashed.
import { subjects } from './data.js';

export const dark = matchMedia('(prefers-color-scheme: dark)');

const hues = {
  shm: [5, 50],
  mq: [70, 105],
  pipe: [135, 165],
  socket: [235, 285],
  sync: [310, 345],
  peer: [0, 330],
};
const otherHues = [185, 215];

export const familyOf = (subject) => subject.split('.', 1)[0];
export const familyMembers = (family) => subjects.filter((subject) => familyOf(subject) === family);
const isRival = (subject) => familyOf(subject) === 'peer';

/** With an opacity, 0..1. */
export function colour(subject, opacity = 1) {
  const members = familyMembers(familyOf(subject));
  const place = members.indexOf(subject);
  const [from, to] = hues[familyOf(subject)] ?? otherHues;
  const hue = from + ((to - from) * place) / Math.max(1, members.length - 1);
  const step = [0, 0.12, -0.1][place % 3];
  const lightness = (dark.matches ? 0.73 : 0.56) + step;
  return `oklch(${lightness.toFixed(2)} ${isRival(subject) ? 0.06 : 0.17} ${hue.toFixed(0)} / ${opacity})`;
}

export const dashOf = (subject) => (isRival(subject) ? [6, 4] : undefined);
