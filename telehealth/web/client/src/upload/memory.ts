/** What this browser remembers of uploads: digests that were computed, and folders that it may open again after a reload. */

export type Remembered = { folders: FileSystemHandle[]; at: number };
type Store = "digests" | "folders";

const NAME = "telehealth-uploads";

function open(): Promise<IDBDatabase> {
  return new Promise((done, failed) => {
    const request = indexedDB.open(NAME, 1);
    request.addEventListener("upgradeneeded", () => {
      for (const store of ["digests", "folders"] satisfies Store[]) request.result.createObjectStore(store);
    });
    request.addEventListener("success", () => done(request.result));
    request.addEventListener("error", () => failed(request.error));
  });
}

async function within<T>(
  store: Store,
  mode: IDBTransactionMode,
  act: (rows: IDBObjectStore) => IDBRequest<T>,
): Promise<T | null> {
  try {
    const database = await open();
    return await new Promise<T>((done, failed) => {
      const request = act(database.transaction(store, mode).objectStore(store));
      request.addEventListener("success", () => done(request.result));
      request.addEventListener("error", () => failed(request.error));
    }).finally(() => database.close());
  } catch {
    return null; // a private window, a full disk: nothing is remembered, everything still works
  }
}

/** The same file as before, as far as its name, size and time say. The server checks the digest of what arrives. */
function key(file: File, name: string): string {
  return `${name}|${file.size}|${file.lastModified}`;
}

/** What was computed of a file: its digest, and its length on the wire. */
export type Computed = { sha256: string; length: number };

export function computedOf(file: File, name: string): Promise<Computed | null | undefined> {
  return within<Computed>("digests", "readonly", (rows) => rows.get(key(file, name)));
}

export async function remember(file: File, name: string, computed: Computed): Promise<void> {
  await within("digests", "readwrite", (rows) => rows.put(computed, key(file, name)));
}

export async function foldersOf(referral: string): Promise<FileSystemHandle[]> {
  return (await within<Remembered>("folders", "readonly", (rows) => rows.get(referral)))?.folders ?? [];
}

export async function rememberFolders(referral: string, folders: FileSystemHandle[]): Promise<void> {
  await within("folders", "readwrite", (rows) => rows.put({ folders, at: Date.now() } satisfies Remembered, referral));
}

/** Everything has arrived: names of files are nobody's business any longer. */
export async function forget(referral: string): Promise<void> {
  await within("folders", "readwrite", (rows) => rows.delete(referral));
  await within("digests", "readwrite", (rows) => rows.clear());
}
