import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export interface Certificate {
  /** Its own authority, in PEM. */
  readonly certFile: string
  readonly keyFile: string
}

/** Writes a certificate for localhost, and its key, into the folder: of a user of its own where the server has one. */
export function writeCertificate(folder: string, owner?: { readonly uid: number; readonly gid: number }): Certificate {
  const [certFile, keyFile] = [join(folder, 'server.crt'), join(folder, 'server.key')]
  const what = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'
  const whose = '-subj /CN=localhost -addext subjectAltName=DNS:localhost'
  const files = ['-keyout', keyFile, '-out', certFile]
  execFileSync('openssl', [...what.split(' '), ...whose.split(' '), ...files], { ...owner, stdio: 'pipe', cwd: folder })
  return { certFile, keyFile }
}
