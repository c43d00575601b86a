/** Imported before any schema: zod would otherwise try to compile them, which the content-security policy refuses. */
import { z } from 'zod';

z.config({ jitless: true });
