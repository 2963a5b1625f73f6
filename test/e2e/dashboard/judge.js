// Runs in the page: contrast (WCAG 2.1) of texts with what is behind them, and controls that a screen reader has no name for.
(() => {
  const PAIRS = [
    ['--text', '--bg'],
    ['--text', '--surface'],
    ['--muted', '--bg'],
    ['--muted', '--surface'],
    ['--accent', '--surface'],
    ['--accent', '--accent-soft'],
    ['--ok', '--ok-soft'],
    ['--warn', '--warn-soft'],
    ['--bad', '--bad-soft'],
  ];
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const probe = document.body.appendChild(document.createElement('span'));
  const luminance = (property) => {
    probe.style.color = `var(${property})`;
    canvas.fillStyle = getComputedStyle(probe).color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
      const share = value / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrastOf = (text, behind) => {
    const [light, dark] = [luminance(text), luminance(behind)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const contrasts = PAIRS.map(([text, behind]) => [`${text} on ${behind}`, contrastOf(text, behind)]);
  probe.remove();
  const nameless = [...document.querySelectorAll('button, a[href], input, [role=button]')]
    .filter((each) => (each.ariaLabel ?? '') === '' && each.textContent.trim() === '' && each.closest('label') === null)
    .map((each) => each.outerHTML.slice(0, 120));
  return { contrasts, nameless };
})();
