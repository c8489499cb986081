package queueredis

import (
	"encoding/binary"
	"strconv"
)

// subjectShards keeps each hash of subjects small enough to stay a listpack:
// 25 bytes a fan, where one big hash would take 128.
const subjectShards = 16384

// lineKeys are the parts of a line in the order in which every script has them;
// head.lua names them.
var lineKeys = []string{
	"policy", "flow", "waiting", "offered", "ready", "active", "gone",
	"live", "ended", "lapsed", "minted", "bound", "scratch", "extended", "endings",
	"presence:0", "presence:1", "presence:2", "presence:3",
	"presence:4", "presence:5", "presence:6", "presence:7",
}

// keys builds the names of everything in Redis. All keys of one line have the
// same hash tag, so that they lie together in a Cluster.
type keys struct{ prefix string }

// lines is the set of all sale ids that have a line.
func (k keys) lines() string { return k.prefix + "lines" }

func (k keys) of(sale, part string) string { return k.prefix + "{q:" + sale + "}:" + part }

func (k keys) policy(sale string) string { return k.of(sale, "policy") }
func (k keys) live(sale string) string   { return k.of(sale, "live") }
func (k keys) status(sale string) string { return k.of(sale, "status") }

// endings is the stream of sessions that were ended before their time, until their
// holds have been released: e (epoch) and n (numbers, with spaces between).
func (k keys) endings(sale string) string { return k.of(sale, "endings") }

// statusLock is one for each version, so that a change is told at once.
func (k keys) statusLock(sale string, version int64) string {
	return k.of(sale, "status:lock:"+strconv.FormatInt(version, 10))
}

// line returns the keys that every script is given.
func (k keys) line(sale string) []string {
	all := make([]string, len(lineKeys), len(lineKeys)+1)
	for i, part := range lineKeys {
		all[i] = k.of(sale, part)
	}
	return all
}

// session returns the few keys that session.lua, the most frequent of the scripts at
// the booking API, is given.
func (k keys) session(sale string) []string {
	return []string{k.policy(sale), k.of(sale, "flow"), k.of(sale, "active"), k.of(sale, "bound")}
}

// subjects returns the shard in which a subject with this digest is. Each epoch has
// its own, so that a reset can free the old ones while fans join the new.
func (k keys) subjects(sale string, epoch uint32, digest []byte) string {
	return k.subjectShard(sale, epoch, int(binary.BigEndian.Uint16(digest))%subjectShards)
}

func (k keys) subjectShard(sale string, epoch uint32, shard int) string {
	return k.of(sale, "subj:"+strconv.FormatUint(uint64(epoch), 10)+":"+strconv.Itoa(shard))
}
