#include "core/jsonb_layout.h"

#include "core/no_postgres.h"

namespace txsync::core::jsonb {

ContainerWriter::ContainerWriter(Buffer &out, uint32_t kind, size_t count, size_t entries)
	: out_(out)
	, begin_(out.Size())
	, entry_(begin_ + kWord)
	, content_(entry_ + entries * kWord)
	, end_(content_)
	, fits_(count <= kCountMask)
{
	uint32_t header = kind | (static_cast<uint32_t>(count) & kCountMask);
	out.Append({reinterpret_cast<const char *>(&header), kWord});
	out.CommitTo(out.Reserve(entries * kWord) + entries * kWord);
}

void
ContainerWriter::Align()
{
	out_.Append(std::string_view("\0\0\0", (kWord - (out_.Size() - begin_) % kWord) % kWord));
}

void
ContainerWriter::End(uint32_t kind)
{
	size_t end = out_.Size();
	fits_ = fits_ && end - content_ <= kOffsetOrLengthMask;
	bool is_offset = index_++ % kOffsetEvery == 0;
	uint32_t entry = kind | (is_offset ? kHasOffset : 0) | static_cast<uint32_t>(end - (is_offset ? content_ : end_));
	out_.Overwrite(entry_, {reinterpret_cast<const char *>(&entry), kWord});
	entry_ += kWord;
	end_ = end;
}

bool
ContainerWriter::Fits() const
{
	return fits_ && out_.Size() - begin_ <= kOffsetOrLengthMask;
}

} // namespace txsync::core::jsonb
