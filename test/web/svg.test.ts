import { expect, it } from 'vitest';
import { escapeXml, SvgPen } from '../../web/share/svg.ts';

const drawn = (draw: (pen: SvgPen) => void): string => {
  const pen = new SvgPen();
  draw(pen);
  return pen.file(100, 50, 'A picture', '#ffffff').split('\n').slice(3, -2).join('\n');
};

it('a file has its size, a title for those who do not see it, and a background', () => {
  const file = new SvgPen().file(100, 50, 'Photos & <more>', '#fbfaf6');
  expect(file).toBe(
    [
      '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50" viewBox="0 0 100 50" role="img">',
      '<title>Photos &amp; &lt;more&gt;</title>',
      '<rect width="100" height="50" fill="#fbfaf6"/>',
      '</svg>',
      '',
    ].join('\n'),
  );
});

it('paths, rectangles and text become elements with the look that the pen has then', () => {
  const text = drawn((pen) => {
    pen.strokeStyle = '#c8500c';
    pen.lineWidth = 2;
    pen.setLineDash([3, 2]);
    pen.beginPath();
    pen.moveTo(1, 2);
    pen.bezierCurveTo(1, 1, 2, 2, 3.456, 3);
    pen.stroke();
    pen.globalAlpha = 0.5;
    pen.fillStyle = '#0072b2';
    pen.fillRect(1, 2, -1, 4);
    pen.font = '600 11px ui-sans-serif, "A B"';
    pen.textAlign = 'center';
    pen.fillText('m1', 5, 6);
  });
  expect(text.split('\n')).toEqual([
    '<path d="M1 2C1 1 2 2 3.46 3" fill="none" stroke="#c8500c" stroke-width="2" stroke-dasharray="3 2"/>',
    '<rect x="0" y="2" width="1" height="4" fill="#0072b2" fill-opacity="0.5"/>',
    '<text x="5" y="6" font-family="ui-sans-serif, &quot;A B&quot;" font-size="11" font-weight="600" text-anchor="middle" fill="#0072b2" fill-opacity="0.5">m1</text>',
  ]);
});

it('what was saved comes back, and a clip lasts until then', () => {
  const text = drawn((pen) => {
    pen.save();
    pen.translate(10, 20);
    pen.scale(2, 2);
    pen.beginPath();
    pen.rect(0, 0, 5, 5);
    pen.clip();
    pen.fillStyle = '#112233';
    pen.fillRect(0, 0, 1, 1);
    pen.restore();
    pen.fillRect(0, 0, 1, 1);
  });
  expect(text.split('\n')).toEqual([
    '<clipPath id="clip-1"><path d="M0 0h5v5h-5Z" transform="matrix(2 0 0 2 10 20)"/></clipPath><g clip-path="url(#clip-1)">',
    '<rect x="0" y="0" width="1" height="1" fill="#112233" transform="matrix(2 0 0 2 10 20)"/>',
    '</g>',
    '<rect x="0" y="0" width="1" height="1" fill="#000000"/>',
  ]);
});

it('a whole circle and a part of one', () => {
  const text = drawn((pen) => {
    pen.beginPath();
    pen.arc(10, 10, 5, 0, Math.PI * 2);
    pen.fill();
    pen.beginPath();
    pen.arc(10, 10, 5, -Math.PI / 2, -Math.PI / 2 + Math.PI * 1.5);
    pen.stroke();
  });
  expect(text).toContain('d="M15 10A5 5 0 1 1 5 10A5 5 0 1 1 15 10Z"');
  expect(text).toContain('d="M10 5A5 5 0 1 1 5 10"');
});

it.each([
  ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
  [`" onload='x'`, '&quot; onload=&#39;x&#39;'],
  ['a\u0000b\u0008c\uFFFEd', 'abcd'],
  ['Grüße 📷', 'Grüße 📷'],
])('%j is written as %j', (text, expected) => {
  expect(escapeXml(text)).toBe(expected);
});

it('nothing of a scenario becomes markup, whether it is a text, a title or a colour', () => {
  const nasty = '"/><script>alert(1)</script>';
  const pen = new SvgPen();
  pen.fillStyle = nasty;
  pen.font = `400 12px ${nasty}`;
  pen.fillText(nasty, 0, 0);
  expect(pen.file(1, 1, nasty, nasty)).not.toContain('<script');
});
