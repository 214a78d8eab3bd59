/**
 * Pictures that come coarse at once and sharpen as bytes arrive: HTJ2K with levels, where the server has that form.
 * Who has it not answers with the picture as it is stored, in the same request; nothing here has to know which.
 */

import { Enums, utilities } from "@cornerstonejs/core";

const LEVELS = 'multipart/related; type="image/jphc"; transfer-syntax=1.2.840.10008.1.2.4.202';
const STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*';
const FIRST_BYTES = 16 * 1024;
const MORE_BYTES = 64 * 1024;
const BETWEEN_MS = 150;

/** In the address, because the loader has its own idea of the Accept header (PS3.18, 8.3.3.1). */
const urlArguments = `accept=${encodeURIComponent(`${LEVELS}, ${STORED}`)}`;

/** The picture that somebody looks at: drawn again and again while it arrives. */
export function sharpenWhatIsShown(): void {
  utilities.imageRetrieveMetadataProvider.add("stack", {
    stages: [{ id: "shown", retrieveType: "single" }],
    retrieveOptions: {
      single: {
        streaming: true,
        urlArguments,
        initialChunkSize: FIRST_BYTES,
        chunkSize: MORE_BYTES,
        msBetweenDecode: BETWEEN_MS,
      },
    },
  });
}

/** Those behind it, fetched whole: smaller than the stored ones, and exact. */
export const behind = { priority: 0, requestType: Enums.RequestType.Prefetch, retrieveOptions: { urlArguments } };
