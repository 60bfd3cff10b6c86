#pragma once

#include <cstdint>

namespace txsync::api {

// The settings of what SQL calls, from _PG_init, preloaded or not.
void DefineSettings();

// How far ahead of the wall clock a time from elsewhere may be.
uint64_t MaxClockSkewMs();

enum class EmptyMutation
{
	kOff,
	kWarning,
	kError,
};

// What a transaction gets that begins a mutation and writes nothing for it.
EmptyMutation WhatOfEmptyMutations();

// Of one call of apply_ops().
int MaxOps();

// How many activities of its organization a client may be behind, and still write.
int StreamBehindLimit();

// Of activities that newer ones stand for, at least.
int CompactionHorizonSeconds();

// Of others, and of those that a consumer has not read.
int ChangelogRetentionSeconds();
int ConsumerRetentionSeconds();

} // namespace txsync::api
