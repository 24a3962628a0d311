/** Stops itself, and does one of the `steps` some times, between two calls of geteuid(2): see peers/stepper.c. */
import { steps } from '../steps.ts';

const [which = '', name = '', warmUp = '', times = ''] = process.argv.slice(2);
const step = steps.find((each) => each.name === which);
if (step === undefined) throw new TypeError(`no step '${which}'`);

const repeat = (once: () => void, count: number): void => {
  for (let done = 0; done < count; done++) once();
};
/** Opened and warm before it stops; without a warm-up it is opened afterwards, and that is part of what is counted. */
let once: (() => void) | undefined;
if (Number(warmUp) > 0) {
  once = step.open(name);
  repeat(once, Number(warmUp));
}
process.once('message', () => {
  process.kill(process.pid, 'SIGSTOP');
  process.geteuid?.();
  repeat((once ??= step.open(name)), Number(times));
  process.geteuid?.();
});
process.send?.('ready');
