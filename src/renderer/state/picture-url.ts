import { PICTURE_BASE, pictureAddress, type PictureAddress } from '../../engine/protocol';
import { isDesktop } from './transport';

/** Where a picture of a dataset is loaded from, in the window and in a browser. */
export const pictureUrl = (address: PictureAddress): string =>
  `${isDesktop ? PICTURE_BASE.desktop : PICTURE_BASE.served}${pictureAddress(address)}`;
