// The player: the match and the visitor's clip side by side, in step, from the moment that matches.
const dialog = element.querySelector('dialog');
const find = name => dialog.querySelector(`[data-part=${name}]`);
const [clip, match, scrub, pause, loop] = ['clip', 'match', 'scrub', 'pause', 'loop'].map(find);
const STEP_S = 0.12; // by which the clip may be out of step before it is set right
let card = null, part = null, frame = 0;

const clock = seconds => {
  const tenths = Math.max(0, Math.round(seconds * 10)), minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, '0')}`;
};
const read = segment => Object.fromEntries(['shift', 'start', 'end', 'queryStart', 'queryEnd', 'tempo'].map(name =>
  [name, Number(segment.dataset[name])]));
const backwards = () => part.tempo < 0; // the clip is then shown picture by picture: no browser plays backwards
const inClip = seconds =>
  (backwards() ? part.queryEnd : part.queryStart) + (seconds - part.start) / part.tempo - part.clipShift;
const keepPace = () => { clip.playbackRate = Math.min(4, Math.max(0.25, 1 / Math.abs(part.tempo))); };
const now = () => match.currentTime + part.shift; // seconds of the video

const step = () => {
  if (!part) return;
  if (now() >= part.end - 0.01 && !match.paused) {
    if (loop.checked) seek(part.start); else match.pause();
  }
  const wanted = inClip(now());
  const step_s = backwards() ? 0.03 : STEP_S;
  if (clip.getAttribute('src') && Math.abs(clip.currentTime - wanted) > step_s && !clip.seeking) clip.currentTime = Math.max(0, wanted);
  if (!scrub.matches(':active')) scrub.value = now();
  scrub.setAttribute('aria-valuetext', clock(now()));
  find('match-time').textContent = clock(now());
  find('clip-time').textContent = clock(clip.currentTime + part.clipShift);
};
const run = () => { step(); frame = match.paused ? 0 : requestAnimationFrame(run); };
const seek = seconds => { match.currentTime = Math.max(0, seconds - part.shift); clip.currentTime = Math.max(0, inClip(seconds)); };

const show = (from, segment) => {
  card = from;
  const given = segment.dataset.side; // what is only kept has nothing beside it
  part = { ...read(segment), clipShift: given ? Number(segment.dataset.sideShift) : 0 };
  dialog.classList.remove('rs-unplayable', 'rs-clipless');
  dialog.classList.toggle('rs-alone', !given);
  const { name, rank } = card.dataset;
  find('title').textContent = find('match-name').textContent = name;
  find('rank').textContent = rank;
  find('clip-name').textContent = given && given.startsWith('media/') ? 'A moment you marked' : 'Your clip';
  const speed = Math.abs(part.tempo), other = Math.abs(speed - 1) > 0.05 ? `at ${speed.toFixed(2)} times the speed` : '';
  find('tempo').textContent = [other, backwards() ? 'backwards' : ''].filter(Boolean).join(', ');
  scrub.min = part.start; scrub.max = part.end;
  give(clip, given || '');
  give(match, segment.dataset.src);
  keepPace();
  tellActs();
  find('before').disabled = !beside(-1);
  find('after').disabled = !beside(1);
  if (!dialog.open) dialog.showModal();
  seek(part.start);
  match.play().catch(() => {});
};
const give = (video, src) => { if (video.getAttribute('src') !== src) video.setAttribute('src', src); };
const canPlay = one => one.matches('.rs-kept') || one.querySelector('button.rs-poster');
const beside = by => {
  const all = [...card.closest('ol, ul').querySelectorAll('[data-rank]')];
  for (let i = all.indexOf(card) + by; all[i]; i += by) if (canPlay(all[i])) return all[i];
  return null;
};
const go = by => { const next = beside(by); if (next) show(next, next.querySelector('[data-segment]')); };
const tellActs = () => dialog.querySelectorAll('[data-proxy]').forEach(button => {
  const act = card.querySelector(`[data-act=${button.dataset.proxy}]`);
  button.hidden = !act;
  button.classList.remove('rs-done');
  if (act && act.hasAttribute('aria-pressed')) button.setAttribute('aria-pressed', act.getAttribute('aria-pressed'));
});
const press = button => {
  card.querySelector(`[data-act=${button.dataset.proxy}]`).click();
  tellActs();
  if (button.dataset.proxy === 'save') button.classList.add('rs-done');
  if (button.dataset.proxy === 'use') dialog.close();
};

document.addEventListener('rs-play', event => show(event.detail.card, event.detail.segment));
match.addEventListener('play', () => {
  if (!part) return;
  pause.setAttribute('aria-pressed', 'false');
  if (now() >= part.end - 0.02) seek(part.start);
  if (!backwards()) clip.play().catch(() => {});
  if (!frame) run();
});
match.addEventListener('pause', () => { pause.setAttribute('aria-pressed', 'true'); clip.pause(); });
match.addEventListener('seeked', step);
match.addEventListener('loadedmetadata', () => { if (!part) return; seek(part.start); match.play().catch(() => {}); });
match.addEventListener('error', () => dialog.classList.add('rs-unplayable'));
clip.addEventListener('error', () => dialog.classList.add('rs-clipless'));
clip.addEventListener('loadedmetadata', () => { if (part) { keepPace(); step(); } });
scrub.addEventListener('input', () => seek(Number(scrub.value)));
pause.addEventListener('click', () => { if (match.paused) match.play().catch(() => {}); else match.pause(); });
dialog.addEventListener('close', () => { match.pause(); clip.pause(); part = null; });
dialog.addEventListener('click', event => {
  if (event.target === dialog || event.target.closest('[data-part=close]')) { dialog.close(); return; }
  if (event.target.closest('[data-part=before]')) go(-1);
  if (event.target.closest('[data-part=after]')) go(1);
  const proxy = event.target.closest('[data-proxy]');
  if (proxy) press(proxy);
});
dialog.addEventListener('keydown', event => {
  if (event.target.matches('input')) return;
  if (event.key === ' ' && !event.target.matches('button')) { event.preventDefault(); pause.click(); }
  if (event.key === 'ArrowLeft') go(-1);
  if (event.key === 'ArrowRight') go(1);
});
