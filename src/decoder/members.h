#pragma once
// What stands behind `data`, `old` and `oldKey`: writers of JSON objects, for core::ValueWriter.

#include "core/base64.h"
#include "core/json.h"
#include "decoder/row.h"

namespace txsync::decoder {

// A member for each of `columns` whose value is in the WAL and wanted.
struct Members
{
	enum class Which
	{
		kAll,
		kChanged,  // what Describer::Changed() found
		kIdentity, // what the WAL has of an old row
	};

	Values &values;
	const std::vector<Column> &columns;
	const Row &row;
	Which which = Which::kAll;

	bool
	Has(const Column &column) const
	{
		if (row.IsUnchanged(column))
			return false;
		return which == Which::kAll || (which == Which::kChanged ? column.changed : column.identity);
	}

	void
	operator()(core::Buffer &out) const
	{
		size_t comma = 1; // how much of the first key to leave out
		out.Append('{');
		for (const Column &column : columns) {
			if (!Has(column))
				continue;
			out.Append(std::string_view(column.key).substr(comma));
			comma = 0;
			if (row.IsNull(column.index))
				out.Append("null");
			else
				values.JsonWithin(out, *column.type, row.Value(column.index));
		}
		out.Append('}');
	}
};

// `old` when all that is known of the old row is its organization.
struct OldOrganization
{
	const std::optional<Column> &column;
	std::string_view text; // data() == nullptr: null

	void
	operator()(core::Buffer &out) const
	{
		out.Append('{');
		out.Append(std::string_view(column->key).substr(1));
		// A number's text is its JSON as well.
		if (text.data() != nullptr && column->type->json == column->type->text)
			out.Append(text);
		else
			core::json::StringOrNull(out, text);
		out.Append('}');
	}
};

// `data` of another's logical message. Content that is no text is in base64.
struct LogicalMessage
{
	Values &values;
	std::string_view prefix;
	std::string_view content;

	void
	operator()(core::Buffer &out) const
	{
		out.Append("{\"prefix\":");
		values.String(out, prefix);
		if (values.IsText(content)) {
			out.Append(",\"content\":");
			values.String(out, content);
		} else {
			out.Append(",\"contentBase64\":\"");
			core::AppendBase64(out, content);
			out.Append('"');
		}
		out.Append('}');
	}
};

} // namespace txsync::decoder
