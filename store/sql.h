/* Every statement the store runs more than once, by name. All are prepared when a file is opened,
 * which also proves that it has the tables and columns of its version. */
#ifndef GLIMT_STORE_SQL_H
#define GLIMT_STORE_SQL_H

#define STORE_SQL(X)                                                                               \
    X(SQL_BEGIN, "BEGIN IMMEDIATE")                                                                \
    X(SQL_COMMIT, "COMMIT")                                                                        \
    X(SQL_ROLLBACK, "ROLLBACK")                                                                    \
    /* files and objects */                                                                        \
    X(SQL_FILE_GET, "SELECT hash, last_used FROM file"                                             \
                    " WHERE device = ?1 AND inode = ?2 AND size = ?3 AND mtime_ns = ?4"            \
                    " AND ctime_ns = ?5")                                                          \
    X(SQL_FILE_TOUCH, "UPDATE file SET last_used = ?3 WHERE device = ?1 AND inode = ?2")           \
    X(SQL_FILE_PUT, "INSERT INTO file(device, inode, size, mtime_ns, ctime_ns, hash, last_used)"   \
                    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(device, inode) DO UPDATE SET" \
                    " size = ?3, mtime_ns = ?4, ctime_ns = ?5, hash = ?6, last_used = ?7")         \
    X(SQL_FILE_OLD, "DELETE FROM file WHERE last_used < ?1")                                       \
    X(SQL_OBJECT_GET, "SELECT id, name = ?3 AND spec = ?4, last_used FROM object"                  \
                      " WHERE kind = ?1 AND hash = ?2")                                            \
    X(SQL_OBJECT_PUT, "INSERT INTO object(kind, hash, name, spec, last_used)"                      \
                      " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(kind, hash) DO UPDATE SET"          \
                      " name = ?3, spec = ?4, last_used = ?5")                                     \
    X(SQL_OBJECT_ORPHANS, "DELETE FROM object WHERE last_used < ?1 AND id NOT IN"                  \
                          " (SELECT model FROM run WHERE model IS NOT NULL UNION"                  \
                          " SELECT dict FROM run WHERE dict IS NOT NULL UNION"                     \
                          " SELECT corpus FROM run WHERE corpus IS NOT NULL)")                     \
    /* runs */                                                                                     \
    X(SQL_RUN_BY_KEY, "SELECT r.id, r.next_chunk, r.n_chunks, r.done, r.owner, r.heartbeat,"       \
                      " r.last_used, EXISTS (SELECT 1 FROM state s WHERE s.run = r.id"             \
                      " AND s.generation = r.generation) FROM run r WHERE r.key = ?1")             \
    X(SQL_RUN_BY_ID, "SELECT owner, heartbeat, done, n_chunks FROM run WHERE id = ?1")             \
    X(SQL_RUN_NEW, "INSERT INTO run(key, study, args, precision, engine, model, dict, corpus,"     \
                   " n_chunks, owner, heartbeat, last_used)"                                       \
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)")                   \
    X(SQL_RUN_TAKE, "UPDATE run SET owner = ?2, heartbeat = ?3, last_used = ?3, next_chunk = ?4,"  \
                    " n_chunks = ?5 WHERE id = ?1")                                                \
    X(SQL_RUN_TOUCH, "UPDATE run SET last_used = ?2 WHERE id = ?1")                                \
    X(SQL_RUN_CHECKPOINT, "UPDATE run SET next_chunk = ?3, heartbeat = ?4, last_used = ?4,"        \
                          " generation = ?5 WHERE id = ?1 AND owner = ?2 AND done = 0")            \
    X(SQL_RUN_BEAT, "UPDATE run SET heartbeat = ?3 WHERE id = ?1 AND owner = ?2 AND done = 0")     \
    X(SQL_RUN_GENERATION,                                                                          \
      "SELECT r.generation, max(r.generation, coalesce(max(s.generation), 0),"                     \
      " coalesce((SELECT max(id) >> 32 FROM piece WHERE run = ?1), 0))"                            \
      " FROM run r LEFT JOIN state s ON s.run = r.id WHERE r.id = ?1 GROUP BY r.id")               \
    X(SQL_RUN_RELEASE, "UPDATE run SET owner = NULL WHERE id = ?1 AND owner = ?2 AND done = 0")    \
    X(SQL_RUN_RELEASE_ALL, "UPDATE run SET owner = NULL WHERE owner = ?1 AND done = 0")            \
    X(SQL_RUN_FINISH, "UPDATE run SET done = 1, next_chunk = n_chunks, owner = NULL, bytes = ?3,"  \
                      " heartbeat = ?4, last_used = ?4, generation = ?5"                           \
                      " WHERE id = ?1 AND owner = ?2 AND done = 0")                                \
    X(SQL_RUN_DROP, "DELETE FROM run WHERE id = ?1")                                               \
    X(SQL_RUN_ARGS, "SELECT args FROM run WHERE id = ?1")                                          \
    X(SQL_RUN_OLDEST, "SELECT id, last_used, owner, heartbeat, done FROM run"                      \
                      " ORDER BY last_used, id")                                                   \
    X(SQL_RUN_LIST, "SELECT r.id, r.bytes + coalesce((SELECT sum(s.size) FROM state s WHERE"       \
                    " s.run = r.id AND s.generation = r.generation), 0), r.last_used,"             \
                    " r.n_chunks, r.next_chunk, r.done, r.study, m.name, d.name, c.name,"          \
                    " r.precision, r.engine, r.key"                                                \
                    " FROM run r"                                                                  \
                    " LEFT JOIN object m ON m.id = r.model LEFT JOIN object d ON d.id = r.dict"    \
                    " LEFT JOIN object c ON c.id = r.corpus ORDER BY r.last_used DESC, r.id DESC") \
    /* states: pieces of a run, and which of them a generation is made of */                       \
    X(SQL_STATE_GET, "SELECT r.generation, count(s.ord), coalesce(sum(s.size), 0) FROM run r"      \
                     " LEFT JOIN state s ON s.run = r.id AND s.generation = r.generation"          \
                     " WHERE r.id = ?1 GROUP BY r.id")                                             \
    X(SQL_STATE_PUT, "INSERT INTO state(run, generation, ord, sum, size, piece)"                   \
                     " VALUES(?1, ?2, ?3, ?4, ?5, ?6)")                                            \
    X(SQL_STATE_PIECES, "SELECT count(*) FROM state WHERE run = ?1 AND generation = ?2")           \
    X(SQL_STATE_OLD, "DELETE FROM state WHERE run = ?1 AND generation <>"                          \
                     " (SELECT generation FROM run WHERE id = ?1)")                                \
    X(SQL_STATE_DROP, "DELETE FROM state WHERE run = ?1")                                          \
    X(SQL_STATE_LEFT, "DELETE FROM state WHERE NOT EXISTS (SELECT 1 FROM run r WHERE"              \
                      " r.id = state.run AND (r.generation = state.generation OR r.done = 0))")    \
    X(SQL_PIECE_SAME, "SELECT piece FROM state WHERE run = ?1 AND generation = ?2 AND ord = ?3"    \
                      " AND sum = ?4 AND size = ?5")                                               \
    X(SQL_PIECE_PUT, "INSERT INTO piece(run, id, bytes) VALUES(?1, ?2, ?3)")                       \
    X(SQL_PIECE_GET, "SELECT p.bytes, s.sum FROM state s JOIN piece p ON p.run = s.run AND"        \
                     " p.id = s.piece WHERE s.run = ?1 AND s.generation = ?2 AND s.ord = ?3")      \
    X(SQL_PIECE_OLD, "DELETE FROM piece WHERE run = ?1 AND id IN (SELECT id FROM piece"            \
                     " WHERE run = ?1 AND id NOT IN (SELECT piece FROM state WHERE run = ?1)"      \
                     " LIMIT ?2)")                                                                 \
    X(SQL_PIECE_DROP, "DELETE FROM piece WHERE run = ?1")                                          \
    X(SQL_PIECE_LEFT, "DELETE FROM piece WHERE run IN (SELECT id FROM run WHERE done = 1) AND"     \
                      " NOT EXISTS (SELECT 1 FROM state s WHERE s.run = piece.run AND"             \
                      " s.piece = piece.id)")                                                      \
    /* results */                                                                                  \
    X(SQL_RESULT_PUT, "INSERT INTO result(run, ord, tbl) VALUES(?1, ?2, ?3)")                      \
    X(SQL_RESULT_GET, "SELECT tbl FROM result WHERE run = ?1 AND ord = ?2")                        \
    X(SQL_RESULT_DROP, "DELETE FROM result WHERE run = ?1")                                        \
    X(SQL_LATENT_PUT, "INSERT INTO latent(id, detail) VALUES(?1, ?2)")                             \
    X(SQL_LATENT_GET, "SELECT detail FROM latent WHERE id = ?1")                                   \
    X(SQL_LATENT_DROP, "DELETE FROM latent WHERE id BETWEEN ?1 AND ?2")                            \
    X(SQL_POSTING_PUT, "INSERT INTO posting(run, latent, segment, positions, vals)"                \
                       " VALUES(?1, ?2, ?3, ?4, ?5)")                                              \
    X(SQL_POSTING_GET, "SELECT positions, vals FROM posting"                                       \
                       " WHERE run = ?1 AND latent = ?2 AND segment = ?3")                         \
    X(SQL_POSTING_DROP, "DELETE FROM posting WHERE run = ?1")                                      \
    /* space */                                                                                    \
    X(SQL_PAGE_COUNT, "PRAGMA page_count")                                                         \
    X(SQL_FREE_COUNT, "PRAGMA freelist_count")                                                     \
    X(SQL_PAGE_SIZE, "PRAGMA page_size")

enum statement {
#define STORE_SQL_NAME(name, text) name,
    STORE_SQL(STORE_SQL_NAME)
#undef STORE_SQL_NAME
        SQL_N
};
#endif
