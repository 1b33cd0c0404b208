// In and out points: two range inputs laid over the strip, so that mouse, touch, keyboard and screen readers know them.
const SHORTEST_S = 0.1;
const find = name => element.querySelector(name);
const clock = seconds => {
  const tenths = Math.max(0, Math.round(seconds * 10)), minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, '0')}`;
};
const points = () => [Number(find('.rs-in').value), Number(find('.rs-out').value)];

const tell = () => {
  const [start, end] = points(), length = Number(find('.rs-in').max), strip = find('.rs-strip');
  strip.style.setProperty('--in', start / length);
  strip.style.setProperty('--out', end / length);
  find('.rs-in').setAttribute('aria-valuetext', clock(start));
  find('.rs-out').setAttribute('aria-valuetext', clock(end));
  find('output').textContent = `${clock(start)} – ${clock(end)}`;
};

element.addEventListener('input', event => {
  const handle = event.target.closest('.rs-in, .rs-out');
  if (!handle) return;
  const [start, end] = points();
  if (handle.matches('.rs-in') && start > end - SHORTEST_S) handle.value = Math.max(0, end - SHORTEST_S);
  if (handle.matches('.rs-out') && end < start + SHORTEST_S) handle.value = start + SHORTEST_S;
  tell();
  const video = find('video');
  video.pause();
  if (Number.isFinite(video.duration)) video.currentTime = Number(handle.value);
  props.value = { start: points()[0], end: points()[1] };
});

// A press on the strip takes hold of the nearer handle.
element.addEventListener('pointermove', event => {
  const strip = event.target.closest('.rs-strip');
  if (!strip || event.buttons) return;
  const box = strip.getBoundingClientRect(), at = (event.clientX - box.left) / box.width;
  const [start, end] = points(), length = Number(find('.rs-in').max);
  strip.classList.toggle('rs-nearer-in', Math.abs(at - start / length) < Math.abs(at - end / length));
});

// Playing stays between the points, and a line on the strip says where it is.
element.addEventListener('timeupdate', event => {
  const video = event.target, [start, end] = points(), length = Number(find('.rs-in').max);
  find('.rs-strip').style.setProperty('--at', Math.min(1, video.currentTime / length));
  if (!video.paused && video.currentTime >= end && end < length) { video.pause(); video.currentTime = start; }
}, true);
element.addEventListener('play', event => {
  const video = event.target, [start, end] = points();
  if (video.currentTime < start - 0.05 || video.currentTime >= end - 0.05) video.currentTime = start;
}, true);
