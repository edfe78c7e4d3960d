"""One example of every attribute of every interface class, in the notation of A-XDR: (class, attribute) -> Data."""

OBIS = ["octet-string", "0100010800ff"]
TIME = ["octet-string", "07ea0b18ff0c1e00fffeb600"]
SCALER = ["structure", [["integer", -2], ["enum", 35]]]
CAPTURE = ["structure", [["long-unsigned", 8], ["octet-string", "0000010000ff"], ["integer", 2], ["long-unsigned", 0]]]
SCRIPT = ["structure", [["octet-string", "00000a0064ff"], ["long-unsigned", 1]]]
WATCHED = ["structure", [["long-unsigned", 3], OBIS, ["integer", 2]]]
ACTIONS = ["structure", [SCRIPT, SCRIPT]]
SEASONS = [
    "array",
    [["structure", [["octet-string", "01"], ["octet-string", "ffff0401ff000000ff800000"], ["octet-string", "31"]]]],
]
WEEKS = ["array", [["structure", [["octet-string", "31"], *[["unsigned", day] for day in (1, 1, 1, 1, 1, 2, 2)]]]]]
DAYS = [
    "array",
    [
        [
            "structure",
            [["unsigned", 1], ["array", [["structure", [["octet-string", "06000000"], OBIS, ["long-unsigned", 2]]]]]],
        ]
    ],
]
CHARGE = [
    "structure",
    [
        ["structure", [["integer", 0], ["integer", -2]]],
        WATCHED,
        ["array", [["structure", [["octet-string", "01"], ["long", 625]]]]],
    ],
]

EXAMPLES = {
    (1, 2): ["double-long", -1250],
    (3, 2): ["double-long-unsigned", 4321],
    (3, 3): SCALER,
    (4, 2): ["double-long-unsigned", 1],
    (4, 3): SCALER,
    (4, 4): ["null-data"],
    (4, 5): TIME,
    (5, 2): ["long64", 5],
    (5, 3): ["long64", 6],
    (5, 4): SCALER,
    (5, 5): ["unsigned", 0],
    (5, 6): TIME,
    (5, 7): TIME,
    (5, 8): ["double-long-unsigned", 1800],
    (5, 9): ["long-unsigned", 1],
    (6, 2): ["array", [["structure", [["long-unsigned", 3], OBIS]]]],
    (6, 3): ["array", [["structure", [["octet-string", "01"], ["array", [["unsigned", 1], ["unsigned", 2]]]]]]],
    (6, 4): ["octet-string", "01"],
    (7, 2): ["array", []],
    (7, 3): ["array", [CAPTURE, CAPTURE]],
    (7, 4): ["double-long-unsigned", 1800],
    (7, 5): ["enum", 1],
    (7, 6): CAPTURE,
    (7, 7): ["double-long-unsigned", 48],
    (7, 8): ["double-long-unsigned", 4320],
    (8, 2): TIME,
    (8, 3): ["long", -330],
    (8, 4): ["unsigned", 0],
    (8, 5): TIME,
    (8, 6): TIME,
    (8, 7): ["integer", 0],
    (8, 8): ["boolean", False],
    (8, 9): ["enum", 1],
    (9, 2): [
        "array",
        [
            [
                "structure",
                [
                    ["long-unsigned", 1],
                    [
                        "array",
                        [
                            [
                                "structure",
                                [
                                    ["enum", 2],
                                    ["long-unsigned", 70],
                                    ["octet-string", "000060030aff"],
                                    ["integer", 1],
                                    ["integer", 0],
                                ],
                            ]
                        ],
                    ],
                ],
            ]
        ],
    ],
    (15, 2): [
        "array",
        [
            [
                "structure",
                [
                    ["long-unsigned", 3],
                    ["unsigned", 0],
                    OBIS,
                    [
                        "structure",
                        [
                            [
                                "array",
                                [
                                    ["structure", [["integer", 2], ["enum", 1], ["null-data"]]],
                                    [
                                        "structure",
                                        [["integer", 3], ["enum", 1], ["array", [["integer", 1], ["integer", 2]]]],
                                    ],
                                ],
                            ],
                            [
                                "array",
                                [
                                    ["structure", [["integer", 1], ["boolean", True]]],
                                    ["structure", [["integer", 2], ["enum", 1]]],
                                ],
                            ],
                        ],
                    ],
                ],
            ]
        ],
    ],
    (15, 3): ["structure", [["integer", 16], ["long-unsigned", 1]]],
    (15, 4): ["octet-string", "60857405080101"],
    (15, 5): [
        "structure",
        [
            ["bit-string", "000000000001111000011101"],
            ["long-unsigned", 65535],
            ["long-unsigned", 65535],
            ["unsigned", 6],
            ["integer", 0],
            ["octet-string", ""],
        ],
    ],
    (15, 6): ["octet-string", "60857405080205"],
    (15, 7): ["octet-string", "3030"],
    (15, 8): ["enum", 2],
    (15, 9): ["octet-string", "00002b0003ff"],
    (15, 10): ["array", [["structure", [["unsigned", 1], ["octet-string", "6f7065"]]]]],
    (15, 11): ["structure", [["unsigned", 1], ["octet-string", "6f7065"]]],
    (17, 2): ["array", [["structure", [["long-unsigned", 1], ["octet-string", "4a42563031"]]]]],
    (18, 2): ["double-long-unsigned", 200],
    (18, 3): ["bit-string", "1110"],
    (18, 4): ["double-long-unsigned", 3],
    (18, 5): ["boolean", True],
    (18, 6): ["enum", 3],
    (18, 7): [
        "array",
        [["structure", [["double-long-unsigned", 4096], ["octet-string", "4657"], ["octet-string", "01"]]]],
    ],
    (20, 2): ["octet-string", "43"],
    (20, 3): SEASONS,
    (20, 4): WEEKS,
    (20, 5): DAYS,
    (20, 6): ["octet-string", "44"],
    (20, 7): SEASONS,
    (20, 8): WEEKS,
    (20, 9): DAYS,
    (20, 10): TIME,
    (21, 2): ["array", [["double-long-unsigned", 1000]]],
    (21, 3): WATCHED,
    (21, 4): ["array", [ACTIONS]],
    (22, 2): SCRIPT,
    (22, 3): ["enum", 1],
    (22, 4): ["array", [["structure", [["octet-string", "00000000"], ["octet-string", "ffffff01ff"]]]]],
    (40, 2): [
        "array",
        [
            CAPTURE,
            ["structure", [*CAPTURE[1], ["structure", [["enum", 0], ["null-data"]]]]],
            ["structure", [*CAPTURE[1], ["structure", [["enum", 0], ["null-data"]]], ["array", []]]],
        ],
    ],
    (40, 3): ["structure", [["enum", 0], ["octet-string", "31302e302e302e31"], ["enum", 0]]],
    (40, 4): ["array", [["structure", [TIME, TIME]]]],
    (40, 5): ["long-unsigned", 30],
    (40, 6): ["unsigned", 3],
    (40, 7): ["long-unsigned", 60],
    (40, 8): ["octet-string", "0000190000ff"],
    (40, 9): ["integer", 64],
    (40, 10): ["array", []],
    (40, 11): ["enum", 0],
    (40, 12): ["structure", [["null-data"]]],
    (40, 13): TIME,
    (64, 2): ["enum", 3],
    (64, 3): ["enum", 0],
    (64, 4): ["octet-string", "4d4d4d0000000001"],
    (64, 5): ["octet-string", "4d4d4d0000bc614e"],
    (64, 6): [
        "array",
        [
            [
                "structure",
                [
                    ["enum", 0],
                    ["enum", 1],
                    ["octet-string", "01"],
                    ["octet-string", "02"],
                    ["octet-string", "03"],
                    ["octet-string", ""],
                ],
            ]
        ],
    ],
    (70, 2): ["boolean", True],
    (70, 3): ["enum", 1],
    (70, 4): ["enum", 4],
    (71, 2): WATCHED,
    (71, 3): ["double-long-unsigned", 2000],
    (71, 4): ["double-long-unsigned", 2000],
    (71, 5): ["double-long-unsigned", 500],
    (71, 6): ["double-long-unsigned", 60],
    (71, 7): ["double-long-unsigned", 60],
    (71, 8): ["structure", [["long-unsigned", 1], TIME, ["double-long-unsigned", 3600]]],
    (71, 9): ["array", [["long-unsigned", 1]]],
    (71, 10): ["boolean", False],
    (71, 11): ACTIONS,
    (111, 2): ["structure", [["enum", 2], ["enum", 2]]],
    (111, 3): ["unsigned", 1],
    (111, 4): ["bit-string", "10000000"],
    (111, 5): ["double-long", -1250],
    (111, 6): ["double-long", 1250],
    (111, 7): ["double-long", 0],
    (111, 8): ["double-long", 0],
    (111, 9): ["array", [["octet-string", "0000130a00ff"]]],
    (111, 10): ["array", [["octet-string", "0000131400ff"]]],
    (111, 11): [
        "array",
        [["structure", [["octet-string", "0000130a00ff"], ["octet-string", "0000131400ff"], ["bit-string", "100"]]]],
    ],
    (111, 12): ["array", [["structure", [["octet-string", "0000130a00ff"], ["unsigned", 100]]]]],
    (111, 13): TIME,
    (111, 14): TIME,
    (111, 15): ["structure", [["utf8-string", "INR"], ["integer", -2], ["enum", 2]]],
    (111, 16): ["double-long", 10000],
    (111, 17): ["double-long", 0],
    (111, 18): ["long-unsigned", 0],
    (111, 19): ["double-long", 0],
    (112, 2): ["double-long", -1250],
    (112, 3): ["enum", 0],
    (112, 4): ["unsigned", 1],
    (112, 5): ["double-long", 5000],
    (112, 6): ["double-long", 0],
    (112, 7): ["bit-string", "10010"],
    (112, 8): ["enum", 3],
    (112, 9): ["double-long", 0],
    (112, 10): ["double-long", 0],
    (112, 11): TIME,
    (113, 2): ["double-long", 99],
    (113, 3): ["enum", 0],
    (113, 4): ["unsigned", 1],
    (113, 5): CHARGE,
    (113, 6): CHARGE,
    (113, 7): TIME,
    (113, 8): ["double-long-unsigned", 86400],
    (113, 9): ["bit-string", "11"],
    (113, 10): TIME,
    (113, 11): ["double-long", 5],
    (113, 12): ["double-long", 0],
    (113, 13): ["long-unsigned", 0],
    (115, 2): ["octet-string", "0011223344"],
    (115, 3): TIME,
    (115, 4): ["array", [["octet-string", "01"]]],
    (115, 5): ["enum", 0],
    (115, 6): ["structure", [["enum", 1], ["bit-string", "00000001"]]],
}
