/** A crop in words. */
import type { PreviewCrop } from '../../../engine/protocol';
import { number } from '../../state/words';

const percent = (share: number): string => `${Math.round(100 * share)}%`;

/** "jitter, hue −14°", "grey, mirrored", "as it is". */
export function changesOf({ colour, grey, mirrored, solarised, blur }: PreviewCrop): string {
  const hue = colour && !grey && Math.abs(colour.hue) >= 1 ? `hue ${colour.hue < 0 ? '−' : '+'}${Math.abs(Math.round(colour.hue))}°` : '';
  const parts = [
    grey ? 'grey' : colour ? 'jitter' : '',
    hue,
    solarised ? 'solarised' : '',
    blur === null ? '' : `blur ${number(blur, 1)}`,
    mirrored ? 'mirrored' : '',
  ];
  return parts.filter((part) => part !== '').join(', ') || 'as it is';
}

export const areaOf = ({ area }: PreviewCrop): string => `${percent(area)} of area`;

/** "59 of 196, 30%". */
export function maskedOf({ masked, image }: PreviewCrop, patchSize: number): string {
  const patches = (image.width / patchSize) ** 2;
  return masked === 0 ? 'nothing in this draw' : `${masked} of ${patches}, ${percent(masked / patches)}`;
}
