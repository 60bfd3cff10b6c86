#include "api/settings.h"

#include "pg/server.h"

#include <limits>

extern "C" {
#include "utils/guc.h"
}

namespace txsync::api {

namespace {

int max_clock_skew = 60000;
int empty_mutation = static_cast<int>(EmptyMutation::kWarning);
int max_ops = 1000;
int stream_behind_limit = 10;
int compaction_pace = 5;
int compaction_horizon = 24 * 60 * 60;
int changelog_retention = 90 * 24 * 60 * 60;
int consumer_retention = 180 * 24 * 60 * 60;

const config_enum_entry kEmptyMutations[] = {{"off", static_cast<int>(EmptyMutation::kOff), false},
											 {"warning", static_cast<int>(EmptyMutation::kWarning), false},
											 {"error", static_cast<int>(EmptyMutation::kError), false},
											 {nullptr, 0, false}};

// In seconds, by reload.
void
DefineAge(const char *name, const char *description, int *seconds, int least)
{
	DefineCustomIntVariable(name, description, nullptr, seconds, *seconds, least, std::numeric_limits<int>::max(),
							PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
}

} // namespace

void
DefineSettings()
{
	DefineCustomIntVariable(
		"txsync.max_clock_skew", "How far ahead of this server's wall clock a time from elsewhere may be.", nullptr,
		&max_clock_skew, 60000, 0, std::numeric_limits<int>::max(), PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
	DefineCustomEnumVariable(
		"txsync.empty_mutation", "What a transaction gets that begins a mutation and writes nothing for it.", nullptr,
		&empty_mutation, empty_mutation, kEmptyMutations, PGC_USERSET, 0, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("txsync.max_ops", "The most operations of one call of apply_ops().", nullptr, &max_ops,
							max_ops, 1, 100'000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("txsync.stream_behind_limit",
							"How many activities of its organization a client may be behind, and still write.", nullptr,
							&stream_behind_limit, stream_behind_limit, 0, std::numeric_limits<int>::max(), PGC_USERSET,
							0, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("txsync.compaction_pace",
							"How much of the time compaction works while others write, in percent.", nullptr,
							&compaction_pace, compaction_pace, 1, 100, PGC_USERSET, 0, nullptr, nullptr, nullptr);
	DefineAge("txsync.compaction_horizon", "How old activities are that newer ones may stand for.", &compaction_horizon,
			  0);
	DefineAge("txsync.changelog_retention", "How long activities are kept that nothing newer stands for.",
			  &changelog_retention, 1);
	DefineAge("txsync.consumer_retention", "How long activities are kept that a consumer has not read.",
			  &consumer_retention, 1);
}

EmptyMutation
WhatOfEmptyMutations()
{
	return static_cast<EmptyMutation>(empty_mutation);
}

int
MaxOps()
{
	return max_ops;
}

int
StreamBehindLimit()
{
	return stream_behind_limit;
}

uint64_t
MaxClockSkewMs()
{
	return static_cast<uint64_t>(max_clock_skew);
}

int
CompactionPace()
{
	return compaction_pace;
}

int
CompactionHorizonSeconds()
{
	return compaction_horizon;
}

int
ChangelogRetentionSeconds()
{
	return changelog_retention;
}

int
ConsumerRetentionSeconds()
{
	return consumer_retention;
}

} // namespace txsync::api
