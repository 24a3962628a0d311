/* global document */
// Which subjects are shown, in all charts and tables at once.
import { subjects, unique } from './data.js';
import { colour, dark, familyMembers, familyOf } from './palette.js';

const hidden = new Set();
const watchers = [];

export const isShown = ({ subject }) => !hidden.has(subject);

/** Calls it whenever something else is to be shown, or in other colours. */
export function onView(watcher) {
  watchers.push(watcher);
}

function update() {
  for (const chip of document.querySelectorAll('.chip')) {
    const { subject } = chip.dataset;
    chip.setAttribute('aria-pressed', String(!hidden.has(subject)));
    chip.style.setProperty('--colour', colour(subject));
  }
  for (const row of document.querySelectorAll('table tr')) {
    row.hidden = hidden.has(row.cells[0].textContent);
  }
  for (const watcher of watchers) watcher();
}

function show(names, isToBe) {
  for (const name of names) {
    if (isToBe) hidden.delete(name);
    else hidden.add(name);
  }
  update();
}

function button(className, text, onClick) {
  const element = document.createElement('button');
  element.type = 'button';
  element.className = className;
  element.textContent = text;
  element.addEventListener('click', onClick);
  return element;
}

/** A switch per subject, and one per family. */
export function fillFilter(element) {
  element.append(
    button('family', 'all', () => show(subjects, true)),
    button('family', 'none', () => show(subjects, false)),
  );
  for (const family of unique(subjects.map(familyOf))) {
    const members = familyMembers(family);
    const group = document.createElement('span');
    group.className = 'group';
    group.append(
      button('family', family, () =>
        show(
          members,
          members.some((name) => hidden.has(name)),
        ),
      ),
      ...members.map((subject) => {
        const short = subject.slice(family.length + 1) || subject;
        const chip = button('chip', short, () => show([subject], hidden.has(subject)));
        chip.dataset.subject = subject;
        return chip;
      }),
    );
    element.append(group);
  }
  dark.addEventListener('change', update);
  update();
}
