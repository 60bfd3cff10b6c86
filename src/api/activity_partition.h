#pragma once
// The changelog's partitions as tables that come and go. Called in a transaction.

#include "api/activity_table.h"

namespace txsync::api {

// A table that can become a partition; being a member of the extension it is not dumped.
void CreateActivityTable(const std::string &name);

// In bytes, with its indexes and what is out of line.
int64_t SizeOf(Oid table);

enum class ActivityIndexes : uint8_t
{
	kAll,
	kRare, // that hold few activities
};

// Of the changelog.
std::vector<Oid> IndexesOfActivity(ActivityIndexes which);

// On a table that is to become a partition: AttachPartition() takes it over. In the same tablespace, if it has one.
void CreateIndexLike(Oid index, const std::string &table);

// This makes the indexes that are missing, and blocks nobody, as CREATE TABLE … PARTITION OF would.
void AttachPartition(const std::string &table, const ActivityIds &ids);

// Whether no snapshot is older than the transaction that was next then.
bool EverybodySees(const ActivityPartition &partition, TransactionId next);

// What has become of one of these: they wait for no lock longer than an instant, and do nothing if somebody uses what
// they change, or has made something that does.
struct Outcome
{
	int64_t bytes = 0;         // that it gives back
	std::string obstacle = {}; // why it was not done; empty: it was

	explicit operator bool() const
	{
		return obstacle.empty();
	}
};

Outcome DropPartition(const ActivityPartition &partition);

// Neighbours, in the order of their ids, by a table that holds the ids of all, and a constraint that says so.
Outcome ReplacePartitions(const std::vector<ActivityPartition> &partitions, const std::string &table,
						  const std::string &constraint);

Outcome DropActivityTable(const std::string &name);

} // namespace txsync::api
