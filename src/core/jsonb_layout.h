#pragma once
// The words that jsonb's stored form is made of: a container is its header, an entry for each of what it holds, and the
// contents of these. Only jsonb*.cpp include this.

#include "core/buffer.h"

#include <cstdint>

namespace txsync::core::jsonb {

constexpr uint32_t kWord = sizeof(uint32_t);

// The header of a container.
constexpr uint32_t kCountMask = 0x0FFFFFFF;
constexpr uint32_t kScalar = 0x10000000;
constexpr uint32_t kObject = 0x20000000;
constexpr uint32_t kArray = 0x40000000;

// An entry: its kind, and either its length or, every so often, the offset of its end.
constexpr uint32_t kOffsetOrLengthMask = 0x0FFFFFFF;
constexpr uint32_t kKindShift = 28;
constexpr uint32_t kKindMask = 0x7;
constexpr uint32_t kHasOffset = 0x80000000;
constexpr uint32_t kOffsetEvery = 32;
constexpr uint32_t kString = 0x00000000;
constexpr uint32_t kNumeric = 0x10000000;
constexpr uint32_t kFalse = 0x20000000;
constexpr uint32_t kTrue = 0x30000000;
constexpr uint32_t kNull = 0x40000000;
constexpr uint32_t kContainer = 0x50000000;

// Writes a container at the end of a buffer: the caller appends each content and says what it was. An object has its
// keys first, in their order, and then as many values. The container begins where its alignment is right.
class ContainerWriter
{
public:
	ContainerWriter(Buffer &out, uint32_t kind, size_t count, size_t entries);

	// In front of a number or a container: its padding is part of it.
	void Align();

	void End(uint32_t kind);

	// False if it is larger than a jsonb can be.
	bool Fits() const;

private:
	Buffer &out_;
	size_t begin_;   // of the container
	size_t entry_;   // the next one
	size_t content_; // what offsets count from
	size_t end_;     // of the last content
	size_t index_ = 0;
	bool fits_;
};

} // namespace txsync::core::jsonb
