"""Which attributes may leave, as data: PS3.15, Annex E, Table E.1-1, for the profile and the options that we offer.

Each line: actions of the Basic Profile and, where an option changes them, `option=action`; then the keywords.
Actions (E.1.1): X remove, Z empty, D a dummy value, U another UID, K keep, C clean (by what `deidentify` knows of its kind).
Options: dates (E.3.6, longitudinal information with modified dates), words (E.3.5, clean descriptors), graphics (E.3.2),
device (E.3.7, retain device identity). What is not listed is judged by its value representation in `BY_VR`, the safe
way round: the standard's table grows every year, a text that nobody knows does not leave.
"""

from dataclasses import dataclass
from enum import StrEnum

from pydicom.datadict import tag_for_keyword


class Option(StrEnum):
    DATES = "dates"
    WORDS = "words"
    GRAPHICS = "graphics"
    DEVICE = "device"
    PIXELS = "pixels"


CODES = {
    None: ("113100", "Basic Application Confidentiality Profile"),
    Option.PIXELS: ("113101", "Clean Pixel Data Option"),
    Option.GRAPHICS: ("113103", "Clean Graphics Option"),
    Option.WORDS: ("113105", "Clean Descriptors Option"),
    Option.DATES: ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    Option.DEVICE: ("113109", "Retain Device Identity Option"),
}
"""What a copy says of how it was made (PS3.16, CID 7050)."""


@dataclass(frozen=True)
class Rule:
    basic: str
    option: Option | None = None
    with_option: str = ""

    def action(self, options: frozenset[Option]) -> str:
        return self.with_option if self.option in options else self.basic


LINES = """
D PatientID PatientName
Z PatientBirthDate PatientSex AccessionNumber ReferringPhysicianName StudyID
X PatientAge PatientAddress PatientBirthName PatientBirthTime PatientMotherBirthName OtherPatientIDs OtherPatientNames
X OtherPatientIDsSequence PatientTelephoneNumbers PatientTelecomInformation PatientReligiousPreference MilitaryRank
X BranchOfService EthnicGroup EthnicGroupCodeSequence Occupation CountryOfResidence RegionOfResidence
X PatientInsurancePlanCodeSequence PatientPrimaryLanguageCodeSequence ResponsiblePerson ResponsiblePersonRole
X ResponsibleOrganization IssuerOfPatientID IssuerOfPatientIDQualifiersSequence TypeOfPatientID PatientSize PatientWeight
X PatientBodyMassIndex SmokingStatus PregnancyStatus LastMenstrualDate PatientSexNeutered
X PatientAlternativeCalendar PatientBirthDateInAlternativeCalendar PatientDeathDateInAlternativeCalendar
X MedicalRecordLocator InsurancePlanIdentification ConfidentialityConstraintOnPatientDataDescription
X QualityControlSubject SourceOfPreviousValues ReferencedPatientSequence ReferencedPatientAliasSequence
X PatientTransportArrangements CurrentPatientLocation PatientInstitutionResidence PatientState SpecialNeeds AdmissionID
X AdmittingDate AdmittingTime AdmittingDiagnosesCodeSequence RouteOfAdmissions IssuerOfAdmissionIDSequence ServiceEpisodeID
X ServiceEpisodeDescription IssuerOfServiceEpisodeIDSequence DischargeDiagnosisDescription VisitComments ScheduledAdmissionDate

X words=C StudyDescription SeriesDescription ProtocolName PerformedProcedureStepDescription RequestedProcedureDescription
X words=C ScheduledProcedureStepDescription AcquisitionProtocolDescription AcquisitionDeviceProcessingDescription
X words=C AdmittingDiagnosesDescription AdditionalPatientHistory ReasonForStudy DerivationDescription ImageComments
X words=C AcquisitionComments PatientComments Allergies MedicalAlerts InterpretationText ContrastBolusAgent
X words=C SeriesDescriptionCodeSequence FrameComments SegmentDescription SegmentLabel ROIName ROIDescription
X words=C StructureSetLabel StructureSetName StructureSetDescription RTPlanLabel RTPlanName RTPlanDescription
X words=C ContentLabel ContentDescription ViewName BeamName BeamDescription DeviceSettingDescription
X words=C LesionNumber TreatmentSites PrescriptionDescription DoseComment FractionGroupDescription
X PatientSetupPhotoDescription RequestAttributesSequence RequestedProcedureComments CommentsOnThePerformedProcedureStep
X PerformedProcedureStepID RequestedProcedureID ScheduledProcedureStepID FillerOrderNumberImagingServiceRequest
X PlacerOrderNumberImagingServiceRequest ImagingServiceRequestComments ReasonForTheImagingServiceRequest
X ReasonForTheRequestedProcedure RequestingService RequestedContrastAgent OrderCallbackPhoneNumber OrderEnteredBy
X OrderEntererLocation ConfidentialityCode IssueDateOfImagingServiceRequest ReferencedRequestSequence
X StudyComments ResultsComments TextString TextComments IdentifyingComments ReviewerName

X InstitutionName InstitutionAddress InstitutionCodeSequence InstitutionalDepartmentName
X InstitutionalDepartmentTypeCodeSequence ReferringPhysicianAddress ReferringPhysicianTelephoneNumbers
X ReferringPhysicianIdentificationSequence ConsultingPhysicianName ConsultingPhysicianIdentificationSequence
X PhysiciansOfRecord PhysiciansOfRecordIdentificationSequence PerformingPhysicianName
X PerformingPhysicianIdentificationSequence NameOfPhysiciansReadingStudy PhysiciansReadingStudyIdentificationSequence
X OperatorsName OperatorIdentificationSequence RequestingPhysician RequestingPhysicianIdentificationSequence
X ScheduledPerformingPhysicianName ScheduledPerformingPhysicianIdentificationSequence TimezoneOffsetFromUTC
X PersonAddress PersonTelephoneNumbers PersonTelecomInformation PersonIdentificationCodeSequence PersonName
X AuthorObserverSequence ParticipantSequence CustodialOrganizationSequence VerifyingObserverSequence
X VerifyingObserverIdentificationCodeSequence VerifyingObserverName VerifyingOrganization ContentCreatorName
X ContentCreatorIdentificationCodeSequence ResponsibleGroupCodeSequence ActualHumanPerformersSequence HumanPerformerName
X HumanPerformerOrganization DistributionName DistributionAddress InterpretationAuthor
X InterpretationRecorder InterpretationTranscriber PhysicianApprovingInterpretation InterpretationApproverSequence

X device=K DeviceSerialNumber StationName GantryID DetectorID PlateID CassetteID GeneratorID TransducerIdentificationSequence
X device=K PerformedStationName PerformedStationNameCodeSequence PerformedStationAETitle ScheduledStationName
X device=K ScheduledStationAETitle PerformedLocation DeviceDescription UDISequence UniqueDeviceIdentifier DeviceLabel
X device=K ManufacturerDeviceIdentifier XRaySourceID XRayDetectorID LensMake LensModel LensSerialNumber DeviceID
X device=K ScannerSettingsSequence CalibrationDataSequence SourceManufacturer SourceSerialNumber
K Manufacturer ManufacturerModelName SoftwareVersions ManufacturerModelVersion ManufacturerRelatedModelGroup

X dates=C AcquisitionDate AcquisitionDateTime AcquisitionTime ContentDate ContentTime CurveDate CurveTime OverlayDate
X dates=C OverlayTime SeriesDate SeriesTime InstanceCreationDate InstanceCreationTime DateOfSecondaryCapture
X dates=C TimeOfSecondaryCapture DateOfLastCalibration TimeOfLastCalibration DateOfLastDetectorCalibration
X dates=C TimeOfLastDetectorCalibration PerformedProcedureStepStartDate PerformedProcedureStepStartTime
X dates=C PerformedProcedureStepEndDate PerformedProcedureStepEndTime ScheduledProcedureStepStartDate
X dates=C ScheduledProcedureStepStartTime FrameAcquisitionDateTime FrameReferenceDateTime RadiopharmaceuticalStartDateTime
X dates=C RadiopharmaceuticalStopDateTime StructureSetDate StructureSetTime RTPlanDate RTPlanTime TreatmentDate TreatmentTime
Z dates=C StudyDate StudyTime

X graphics=C GraphicAnnotationSequence
X IconImageSequence GraphicLayerSequence TextObjectSequence
X DigitalSignaturesSequence MACParametersSequence EncryptedAttributesSequence OriginalAttributesSequence
X ModifiedAttributesSequence ReferencedDigitalSignatureSequence DataSetTrailingPadding RetrieveAETitle RetrieveURI RetrieveURL
X RetrieveLocationUID StationAETitle SourceApplicationEntityTitle DestinationAE StorageMediaFileSetID
X ContributingEquipmentSequence SourceIdentifier ClinicalTrialSiteName ClinicalTrialSiteID
X ClinicalTrialSubjectID ClinicalTrialSubjectReadingID ClinicalTrialProtocolID ClinicalTrialProtocolName
X ClinicalTrialSponsorName ClinicalTrialCoordinatingCenterName ClinicalTrialTimePointID ClinicalTrialTimePointDescription
X ClinicalTrialSeriesID ClinicalTrialSeriesDescription ClinicalTrialProtocolEthicsCommitteeName
X ClinicalTrialProtocolEthicsCommitteeApprovalNumber

K ConvolutionKernel FilterType RescaleType LUTExplanation ModalityLUTType WindowCenterWidthExplanation SequenceName
K PulseSequenceName ReceiveCoilName TransmitCoilName Grid FilterMaterial ExposureControlModeDescription
K CodeValue LongCodeValue CodingSchemeDesignator CodingSchemeVersion CodingSchemeName MappingResourceName CodeMeaning
K PixelSpacingCalibrationDescription DecayCorrection Radionuclide
K RadiopharmaceuticalRoute TransducerType ProcessingFunction
"""

BY_VR = {
    **dict.fromkeys(("PN", "AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT", "AS", "UN", "OB", "OD", "OF", "OL", "OV", "OW"), "X"),
    **dict.fromkeys(("DA", "DT", "TM"), "dates"),
    "UI": "U",
    "SQ": "C",
}
"""What is not in the table: texts and bytes go, numbers and codes stay, UIDs change, sequences are looked into."""

DRAWN_OVER = (0x5000, 0x6000)
"""Repeating groups of curves and overlays: their even groups up to 1E later go whole."""

_PIXELS = """
PixelData FloatPixelData DoubleFloatPixelData LUTData ExtendedOffsetTable ExtendedOffsetTableLengths
RedPaletteColorLookupTableData GreenPaletteColorLookupTableData BluePaletteColorLookupTableData
SegmentedRedPaletteColorLookupTableData SegmentedGreenPaletteColorLookupTableData
SegmentedBluePaletteColorLookupTableData
"""
BYTES_THAT_ARE_PIXELS = frozenset(tag_for_keyword(name) for name in _PIXELS.split())


def _read(lines: str) -> dict[int, Rule]:
    rules: dict[int, Rule] = {}
    for line in filter(None, (line.split() for line in lines.splitlines())):
        basic, *rest = line
        option, with_option = None, ""
        if "=" in rest[0]:
            name, with_option = rest.pop(0).split("=")
            option = Option(name)
        for keyword in rest:
            tag = tag_for_keyword(keyword)
            if tag is None:
                raise ValueError(keyword)
            rules[tag] = Rule(basic, option, with_option)
    return rules


TABLE = _read(LINES)
"""By tag."""
